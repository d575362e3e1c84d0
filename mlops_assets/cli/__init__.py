"""The `mlops` command: a file for each group of commands."""
