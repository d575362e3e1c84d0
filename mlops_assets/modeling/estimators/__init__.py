"""What learns: LightGBM, scikit-learn by dotted name, or a Python function's own estimator, behind one small protocol."""
