"""The error of a source that cannot be read."""

from mlops_assets.errors import MlopsError


class SourceError(MlopsError):
    """The source cannot be read as it is declared."""
