"""Materialize what was predicted: answers of the server, compacted from its journal, and batch scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, emit_watched, report_partitions
from mlops_assets.components.ranges import partition_keys
from mlops_assets.lifecycle.watching.predictions import compact_journal, gather_predictions, stored_predictions

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def materialize(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Compact the journal, and put batch scores beside the answers of each partition; others that got rows are told of too."""
    asset, keys = dg.AssetKey([name, "predictions"]), partition_keys(context)
    late = compact_journal(workspace, name)
    yield from emit_watched(context, workspace, asset, [gather_predictions(workspace, name, key) for key in keys])
    others = [key for key in late if key not in keys] if keys != [None] else []
    report_partitions(context, asset, stored_predictions(workspace, name, others))
