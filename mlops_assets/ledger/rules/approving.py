"""Approvals are asked for and given."""

from __future__ import annotations

from datetime import datetime

from mlops_assets.ledger.approvals import may_approve, standing
from mlops_assets.ledger.events import Draft, minute
from mlops_assets.ledger.rules.evidence import differences, evidence
from mlops_assets.ledger.rules.refusal import Readable, Refusal
from mlops_assets.ledger.state import DeploymentState


def approval_requested(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """Approval is asked for what the evidence lets go on, once at a time."""
    version = deployment.versions[draft.version or 0]
    if (refusal := evidence(deployment, version, draft.body["digests"])) is not None:
        return refusal
    stand = standing(version, 0, now)
    if stand.request is not None and stand.request.needed >= draft.body["needed"]:
        return Refusal(
            f"{stand.request.by} asked for it at {minute(stand.request.at)}.", f"It stands until {minute(stand.request.expires)}."
        )
    return None


def approved(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """An approval is by another person than who asked, of exactly what the version is now."""
    version = deployment.versions[draft.version or 0]
    name = f"{draft.model} {version.number}"
    if (why := may_approve(version, draft.actor, now)) is not None:
        return Refusal(
            f"{name} in {draft.environment}: {why}.", f"`mlops promote {name}` asks for approvals; approvers are distinct people."
        )
    if draft.body["verdict"] != version.verdict or differences(draft.body["digests"], version.digests):
        return Refusal(
            f"{name} changed since it was looked at: its verdict is {version.verdict[:12]} now.",
            f"Look again: `mlops status {draft.model}`.",
        )
    return evidence(deployment, version)
