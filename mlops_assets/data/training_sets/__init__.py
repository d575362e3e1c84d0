"""Rows to learn from and to be judged on: features with matured labels, or examples, split before anything is fitted."""
