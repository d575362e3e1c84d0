"""Materialize a training set: examples or labelled features at points in time, split before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, emit_made
from mlops_assets.components.ranges import partition_keys
from mlops_assets.lifecycle.making.training_set import make_training_set

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def materialize(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Build the training set of model ``name`` for each partition of this run."""
    yield from emit_made(context, dg.AssetKey([name, "training_set"]), make_training_set(workspace, name, partition_keys(context)))
