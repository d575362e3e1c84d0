"""What happens to one model, without Dagster: what it is made from, how it is judged, registered, watched and taken away."""
