"""Encoders, estimators, the bundle, training, evaluation and gates. Knows neither Dagster nor MLflow."""
