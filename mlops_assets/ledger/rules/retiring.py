"""A version is put aside, and its bundle removed."""

from __future__ import annotations

from datetime import datetime

from mlops_assets.ledger.approvals import standing
from mlops_assets.ledger.events import Draft, minute
from mlops_assets.ledger.rules.refusal import Readable, Refusal
from mlops_assets.ledger.rules.rolling_back import previous_champion
from mlops_assets.ledger.state import DeploymentState


def archived(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """A version that serves is put aside only with the whole model."""
    version = deployment.versions[draft.version or 0]
    if version.state in ("champion", "challenger") and not draft.body.get("out_of_service"):
        return Refusal(
            f"{draft.model} {version.number} serves in {draft.environment}.",
            f"Promote another version, roll back, or take the whole model out of service: `mlops retire {draft.model}`.",
        )
    if version.state == "champion" and deployment.challenger is not None:
        return Refusal(f"version {deployment.challenger} is in the middle of a rollout.", "Archive the challenger first.")
    return None


def pruned(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """A bundle goes only once, and when neither a rollback nor an approval could ask for it."""
    version = deployment.versions[draft.version or 0]
    name = f"{draft.model} {version.number}"
    if version.pruned is not None:
        return Refusal(f"the bundle of {name} was pruned at {minute(version.pruned)} already.", "There is nothing left to remove.")
    if version.number == previous_champion(deployment):
        return Refusal(
            f"a rollback in {draft.environment} would restore {name}.", "Its bundle stays until another version takes its place."
        )
    if standing(version, 0, now).request is not None:
        return Refusal(f"approvals of {name} are asked for in {draft.environment}.", "Wait until the request is answered or expires.")
    return None
