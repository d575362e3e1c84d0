"""Materialize performance: the metric on the newest matured labels beside its value at the gate, and its estimate before labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, emit_watched
from mlops_assets.components.ranges import partition_keys
from mlops_assets.lifecycle.watching.performance import measure

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def materialize(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Measure at each partition of this run."""
    watched = [measure(workspace, name, key) for key in partition_keys(context)]
    yield from emit_watched(context, workspace, dg.AssetKey([name, "performance"]), watched)
