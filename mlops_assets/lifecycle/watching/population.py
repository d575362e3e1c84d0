"""Who is scored at a partition, and the ids of their batch predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.lifecycle.workspace import Workspace

BATCH = "batch"
"""Variant of batch predictions beside those of the server."""


def population_of(workspace: Workspace, name: str, key: str | None) -> tuple[pa.Table, dict[str, str]]:
    """Who is scored at ``key`` with their features, as training would see them; and the versions that were read."""
    model = workspace.catalogue.models[name]
    if model.examples is not None:
        from mlops_assets.data.training_sets.examples_form import scored_rows

        return scored_rows(model, workspace.catalogue, key, workspace.store)
    from mlops_assets.data.training_sets.point_in_time import population_rows

    assert key is not None
    return population_rows(model, workspace.catalogue, key, workspace.store, memory_limit=workspace.settings.duckdb_memory)


def identities(name: str, key: str | None, version: int, rows: pa.Table, entity: Sequence[str]) -> list[str]:
    """Ids of batch predictions: the same entity, partition and version have the same one, whenever they are scored."""
    import hashlib

    keys = rows.select(list(entity)).to_pylist() if entity else [{"row": number} for number in range(rows.num_rows)]
    begin = f"{name}@{key}/{version}/"
    return [hashlib.sha256(f"{begin}{sorted(row.items())}".encode()).hexdigest()[:32] for row in keys]
