"""SQL of features, labels and populations runs in UTC, and can ask for the clock of the calendar's zone."""
