"""Weigh alert rules on the journal, outcomes and monitoring partitions; tell people, and act where the evidence carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.tick import Tick
from mlops_assets.components.transitions import follow_or_warn, report_transition
from mlops_assets.lifecycle.watching.alerting import weigh

if TYPE_CHECKING:
    from mlops_assets.ledger.events import Event
    from mlops_assets.lifecycle.workspace import Workspace


def tick(workspace: Workspace, model: str, instance: dg.DagsterInstance) -> Tick:
    """Evaluate every rule of ``model``; a rollback is shown in MLflow and in Dagster."""
    del instance

    def show(event: Event) -> None:
        follow_or_warn(workspace, model)
        report_transition(workspace, model, event)

    return Tick(said=tuple(weigh(workspace, model, show)))
