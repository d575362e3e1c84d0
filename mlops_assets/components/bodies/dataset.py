"""Materialize partitions of a data set: read, validate, store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, emit_made
from mlops_assets.components.ranges import partition_keys
from mlops_assets.lifecycle.making.dataset import make_dataset

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def materialize(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Read the source once for all partitions of this run; where some break the rules, the others are told of before the step fails."""
    yield from emit_made(context, dg.AssetKey(name), make_dataset(workspace, name, partition_keys(context)))
