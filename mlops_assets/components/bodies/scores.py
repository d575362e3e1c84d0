"""Materialize batch predictions: the champion over everyone who is scored, as of the end of each partition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, emit_watched
from mlops_assets.components.ranges import partition_keys
from mlops_assets.lifecycle.watching.scores import score_population

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def materialize(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Score each partition of this run with the champion of its time."""
    watched = score_population(workspace, name, partition_keys(context))
    yield from emit_watched(context, workspace, dg.AssetKey([name, "scores"]), watched)
