"""The simulated shop as a project whose loop closes by itself, small enough to watch."""
