"""Worlds that are made up, for demonstrations, tests and benchmarks."""
