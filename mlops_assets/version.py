"""The version of this package, which stands in the provenance of every bundle."""

__version__ = "0.1.0"
