"""What each kind of asset does when it is materialized: a few lines that call the rooms."""
