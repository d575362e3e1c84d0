"""`mlops_assets.Dataset`: rows from one source as versioned partitions."""

from __future__ import annotations

from mlops_assets import spec
from mlops_assets.components.base import DeclaredComponent


class Dataset(DeclaredComponent):
    """Rows from one source, validated against declared columns and stored as versioned partitions."""

    spec_class = spec.Dataset
