"""Input that monitoring cannot work with."""

from __future__ import annotations

from mlops_assets.errors import MlopsError


class MonitoringError(MlopsError):
    """A table, record or rule that does not have the form that it must have."""
