"""What the server cannot do; what it answers to a request that is wrong stands in :mod:`mlops_assets.modeling.requests.errors`."""

from __future__ import annotations

from mlops_assets.errors import MlopsError


class ServingError(MlopsError):
    """The server cannot be started, or cannot serve a version, as things are."""
