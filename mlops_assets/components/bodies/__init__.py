"""What each kind of asset does when it is materialized, a kind a file: a few lines that call the lifecycle."""
