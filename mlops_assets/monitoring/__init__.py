"""What happens to a model while it serves: predictions and their outcomes, drift, performance, data quality, alerts."""
