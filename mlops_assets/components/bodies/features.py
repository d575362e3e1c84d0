"""Materialize partitions of a feature view: features of every entity at each partition's as-of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Check, Emitted, Stored, emit, partition_keys
from mlops_assets.components.metadata import manifest_metadata

if TYPE_CHECKING:
    from mlops_assets.components.workspace import Workspace
    from mlops_assets.data.features import Computed


def materialize_features(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Compute the view at every as-of time of this run from the versions that are current now."""
    from mlops_assets.data.features import compute_features

    view = workspace.catalogue.views[name]
    keys = partition_keys(context)
    done = list(compute_features(view, workspace.catalogue, keys, workspace.store, memory_limit=workspace.settings.duckdb_memory))
    stored = [Stored(item.key, item.manifest.digest, {**manifest_metadata(item.manifest), "changed": item.changed}) for item in done]
    yield from emit(context, dg.AssetKey(name), stored, _checks(done))


def _checks(done: Sequence[Computed]) -> Iterator[Check]:
    rows = sum(item.manifest.rows for item in done)
    yield Check("schema", True, {"rows": rows})
    empty = sorted({column for item in done for column in item.facts.get("all_missing", [])})
    yield Check("missing_values", not empty, {"all_missing": empty, "rows": rows}, severity="WARN")
    without = [item.key for item in done if item.manifest.rows == 0]
    yield Check("entity_coverage", not without, {"partitions_without_entities": len(without), "entities": rows}, severity="WARN")
