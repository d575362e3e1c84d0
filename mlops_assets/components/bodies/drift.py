"""Materialize drift: recent predictions beside what the champion learned from, and a page that people read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, emit_watched
from mlops_assets.components.ranges import partition_keys
from mlops_assets.lifecycle.watching.drift import compare_with_training

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def materialize(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Compare the window of each partition of this run with the champion's reference; the newest one gets a page."""
    keys, run, warn = partition_keys(context), context.run.run_id, context.log.warning
    watched = [compare_with_training(workspace, name, key, run, with_page=key == keys[-1], warn=warn) for key in keys]
    yield from emit_watched(context, workspace, dg.AssetKey([name, "drift"]), watched)
