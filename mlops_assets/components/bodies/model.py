"""Materialize a model: train on the training set, store the bundle by its digest, log it to MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, attempt_of, emit
from mlops_assets.components.ranges import partition_keys
from mlops_assets.lifecycle.making.model import train_model

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def materialize(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Train model ``name`` for each partition of this run."""
    stored = [train_model(workspace, name, key, attempt_of(context)) for key in partition_keys(context)]
    yield from emit(context, dg.AssetKey([name, "model"]), stored, ())
