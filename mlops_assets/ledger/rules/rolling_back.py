"""A rollback, and the version that it restores."""

from __future__ import annotations

from datetime import datetime

from mlops_assets.ledger.events import Draft, minute
from mlops_assets.ledger.rules.refusal import Readable, Refusal
from mlops_assets.ledger.state import DeploymentState


def rolled_back(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """A rollback restores the one version that there is to go back to."""
    expected = rollback_target(deployment)
    if draft.version == deployment.champion and deployment.challenger is not None:
        return Refusal(f"version {deployment.challenger} is in the middle of a rollout.", "Roll that back first, then the champion.")
    if expected is None:
        return Refusal(
            nothing_to_restore(deployment),
            f"Promote another version, or take the model out of service: `mlops retire {draft.model}`.",
        )
    if draft.body["restored"] != expected:
        return Refusal(
            f"it was to restore version {draft.body['restored']}, but the one to restore is {expected}.", "Read the state and repeat."
        )
    return None


def rollback_target(deployment: DeploymentState) -> int | None:
    """The version that a rollback restores: the champion under a rollout, else the last champion before the current one."""
    if deployment.challenger is not None:
        return deployment.champion
    return previous_champion(deployment)


def previous_champion(deployment: DeploymentState) -> int | None:
    """The last champion before the current one that can serve again."""
    for number in reversed(deployment.predecessors):
        version = deployment.versions[number]
        if version.state == "archived" and version.pruned is None:
            return number
    return None


def nothing_to_restore(deployment: DeploymentState) -> str:
    """Why there is no earlier champion to go back to."""
    said = f"{deployment.model} has no earlier champion in {deployment.environment} to go back to"
    archived = [deployment.versions[n] for n in reversed(deployment.predecessors) if deployment.versions[n].state == "archived"]
    pruned = [f"{version.number} at {minute(version.pruned)}" for version in archived if version.pruned is not None]
    return f"{said}; pruned were {', '.join(pruned)}." if pruned else f"{said}."
