"""The Dagster instance of a project, and Dagster's own storage made quick."""
