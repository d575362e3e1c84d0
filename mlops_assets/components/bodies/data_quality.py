"""Materialize data quality: whether the rows that were scored were fit to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, emit_watched
from mlops_assets.components.ranges import partition_keys
from mlops_assets.lifecycle.watching.data_quality import look_at_quality

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def materialize(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Look at the predictions of each partition of this run."""
    watched = [look_at_quality(workspace, name, key) for key in partition_keys(context)]
    yield from emit_watched(context, workspace, dg.AssetKey([name, "data_quality"]), watched)
