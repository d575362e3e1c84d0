"""One YAML file per model; the whole life of the model as Dagster assets."""

__version__ = "0.1.0"
