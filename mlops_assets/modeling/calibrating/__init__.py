"""Calibration inside the bundle: a map from the scores of an estimator to probabilities that agree with what happens."""
