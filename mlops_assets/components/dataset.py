"""`mlops_assets.Dataset`: rows from one source as versioned partitions."""

from __future__ import annotations

from mlops_assets import spec
from mlops_assets.components.base import DeclaredComponent
from mlops_assets.components.bodies.dataset import materialize_dataset


class Dataset(DeclaredComponent):
    """Rows from one source, validated against declared columns and stored as versioned partitions."""

    spec_class = spec.Dataset
    bodies = {"dataset": materialize_dataset}  # noqa: RUF012
