"""Features of entities at points in time: what a query may see, and what it gave."""
