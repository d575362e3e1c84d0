"""A transition in the ledger as the Dagster UI shows it: a materialization of the deployment state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted
from mlops_assets.components.metadata import shown
from mlops_assets.components.tags import DATA_VERSION_TAG, USER_PROVIDED_TAG
from mlops_assets.instance.opening import open_instance
from mlops_assets.lifecycle.following import follow
from mlops_assets.lifecycle.transitions import STATE_OF, DeploymentAsset, describe_transition

if TYPE_CHECKING:
    from mlops_assets.ledger.events import Event
    from mlops_assets.lifecycle.workspace import Workspace


def emit_transition(workspace: Workspace, name: str, state: DeploymentAsset, event: Event) -> Iterator[Emitted]:
    """Show a transition that the running step brought about, once MLflow follows it."""
    follow_or_warn(workspace, name)
    yield dg.MaterializeResult(
        asset_key=dg.AssetKey([name, state]),
        metadata=shown(describe_transition(workspace, name, event)),
        data_version=dg.DataVersion(event.hash),
    )


def follow_or_warn(workspace: Workspace, name: str) -> None:
    """Let MLflow follow the ledger; where it does not, Dagster's log says so, and the next sync repairs it."""
    if problem := follow(workspace, name)[1]:
        dg.get_dagster_logger().warning(problem)


def report_transition(workspace: Workspace, name: str, event: Event) -> None:
    """Show a transition that happened outside Dagster as a materialization in the project's instance, if there is one."""
    state = STATE_OF.get(event.kind)
    if state is None or not workspace.settings.dagster_home.is_dir():
        return
    with open_instance(workspace.settings) as instance:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                asset_key=dg.AssetKey([name, state]),
                metadata=shown(describe_transition(workspace, name, event)),
                tags={DATA_VERSION_TAG: event.hash, USER_PROVIDED_TAG: "true"},
            )
        )
