"""Materialize partitions of a feature view: features of every entity at each partition's as-of time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, emit_made
from mlops_assets.components.ranges import partition_keys
from mlops_assets.lifecycle.making.features import make_features

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def materialize(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Compute the view at every as-of time of this run; where one fails, the ones before it are told of before the step fails."""
    yield from emit_made(context, dg.AssetKey(name), make_features(workspace, name, partition_keys(context)))
