"""The error of columns that are not as declared."""

from __future__ import annotations

from mlops_assets.errors import MlopsError


class SchemaError(MlopsError):
    """The columns of the source do not fit the declared or the pinned ones."""
