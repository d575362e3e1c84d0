"""Propose retirement of a model that nobody asks any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.tick import Tick
from mlops_assets.lifecycle.watching.retirement import propose_retirement

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def tick(workspace: Workspace, model: str, instance: dg.DagsterInstance) -> Tick:
    """Look when ``model`` was asked last."""
    del instance
    return Tick(said=(propose_retirement(workspace, model),))
