"""Data: sources, schemas, the versioned store, features, point-in-time training sets."""
