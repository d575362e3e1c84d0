"""What holds only across declarations: names that exist, columns that are there, leaks that show, and queries that can be read."""
