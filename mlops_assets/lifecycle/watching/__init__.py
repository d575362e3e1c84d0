"""What is done while a version serves: predictions, labels, outcomes, drift, alerts, retraining and retirement."""
