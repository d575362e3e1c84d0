"""Materialize the challenger: start the rollout of the newest candidate beside the champion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted
from mlops_assets.components.transitions import emit_transition
from mlops_assets.lifecycle.decisions import start_rollout

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def materialize(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """One transition in the ledger, and its evidence as metadata."""
    event = start_rollout(workspace, name, workspace.actor, run=context.run.run_id)
    yield from emit_transition(workspace, name, "challenger", event)
