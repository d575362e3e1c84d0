"""Materialize a deployment state: each materialization is one transition in the ledger, with the evidence that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.decisions import approvals_needed
from mlops_assets.components.emit import Emitted
from mlops_assets.components.transitions import DeploymentAsset, follow, transition_metadata

if TYPE_CHECKING:
    from mlops_assets.components.workspace import Workspace
    from mlops_assets.ledger.events import Event


def materialize_challenger(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Start the rollout of the newest candidate beside the champion.

    Raises:
        Refused: without a champion to compare with, for a `direct` rollout, or without verdict and approvals.
    """
    from mlops_assets.ledger import Refused
    from mlops_assets.ledger.actions import start_rollout

    rollout = workspace.catalogue.models[name].rollout
    champion = workspace.ledger.state(name).champion
    if champion is None or rollout.strategy == "direct":
        why = "there is no champion to compare with" if champion is None else "its rollout is declared direct"
        raise Refused(f"{name} has no challenger stage: {why}.", do=f"Materialize {name}/champion, or `mlops promote {name}`.")
    event = start_rollout(
        workspace.ledger,
        name,
        None,
        workspace.actor,
        strategy=rollout.strategy,
        share=rollout.steps[0] if rollout.steps else 0.0,
        steps=list(rollout.steps),
        needed=approvals_needed(workspace, name),
        run=context.run.run_id,
    )
    yield from _shown(workspace, name, "challenger", event)


def materialize_champion(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Promote the challenger, or without one the newest candidate; the champion before it is archived.

    Raises:
        Refused: without a passing verdict on exactly this bundle, or without the approvals that the environment asks for.
    """
    from mlops_assets.ledger.actions import promote

    event = promote(workspace.ledger, name, None, workspace.actor, needed=approvals_needed(workspace, name), run=context.run.run_id)
    yield from _shown(workspace, name, "champion", event)


def _shown(workspace: Workspace, name: str, state: DeploymentAsset, event: Event) -> Iterator[Emitted]:
    follow(workspace, name)
    yield dg.MaterializeResult(
        asset_key=dg.AssetKey([name, state]),
        metadata=transition_metadata(workspace, name, event),
        data_version=dg.DataVersion(event.hash),
    )
