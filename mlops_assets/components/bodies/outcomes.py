"""Materialize outcomes: predictions of a partition beside what happened, as far as it is known and final."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, emit_watched
from mlops_assets.components.ranges import partition_keys
from mlops_assets.lifecycle.watching.outcomes import join_labels

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def materialize(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Join each partition of this run with its labels."""
    watched = [join_labels(workspace, name, key) for key in partition_keys(context)]
    yield from emit_watched(context, workspace, dg.AssetKey([name, "outcomes"]), watched)
