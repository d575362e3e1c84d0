"""A version begins to answer requests: by a promotion, or beside the champion in a rollout."""

from __future__ import annotations

from datetime import datetime

from mlops_assets.ledger.approvals import counted, standing
from mlops_assets.ledger.events import Draft, minute
from mlops_assets.ledger.rules.evidence import evidence
from mlops_assets.ledger.rules.refusal import Readable, Refusal
from mlops_assets.ledger.state import DeploymentState, Version


def going_live(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """Evidence, approvals and traffic for a version that would answer requests."""
    version = deployment.versions[draft.version or 0]
    body = draft.body
    if (refusal := evidence(deployment, version, body["digests"])) is not None:
        return refusal
    if body["verdict"] != version.verdict:
        return Refusal(
            f"it names the verdict {body['verdict'][:12]}, but the newest one on this bundle is {version.verdict[:12]}.",
            "Read the state and repeat.",
        )
    if body.get("replaces") != deployment.champion:
        seen = f"version {body['replaces']}" if body.get("replaces") else "no champion"
        here = deployment.champion
        since = f"version {here} is champion since {minute(deployment.versions[here].since)}" if here else "there is no champion"
        return Refusal(
            f"it was to replace {seen}, but {since}.",
            f"Somebody was faster; look at `mlops status {draft.model}` and decide again.",
        )
    if deployment.challenger not in (None, version.number) and draft.kind == "promoted":
        return Refusal(
            f"version {deployment.challenger} is in the middle of a rollout.",
            f"Promote it, or end its rollout first: `mlops rollback {draft.model}`.",
        )
    if version.state != "challenger" and (refusal := _approval_violation(deployment, version, int(body["needed"]), now)) is not None:
        return refusal
    return _approvers_named(version, draft, now) if draft.kind == "promoted" else None


def rollout_started(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """A rollout has a champion to compare with."""
    if deployment.champion is None:
        return Refusal(
            f"{draft.model} has no champion in {draft.environment} to compare with.",
            f"The first version goes live directly: `mlops promote {draft.model} {draft.version}`.",
        )
    return going_live(state, deployment, draft, now)


def _approvers_named(version: Version, draft: Draft, now: datetime) -> Refusal | None:
    """A promotion names exactly those whose approvals it rests on: what an auditor reads there is what happened."""
    rests_on = counted(version, int(draft.body["needed"]), now)
    if sorted(rests_on) == sorted(draft.body["approvers"]):
        return None
    named = ", ".join(draft.body["approvers"]) or "nobody"
    return Refusal(f"it names {named} as approvers; {', '.join(rests_on) or 'nobody'} approved.", "Read the state and repeat.")


def _approval_violation(deployment: DeploymentState, version: Version, needed: int, now: datetime) -> Refusal | None:
    stand = standing(version, needed, now)
    if stand.enough:
        return None
    if stand.request is None:
        do = f"Ask for them: `mlops promote {deployment.model} {version.number}` does."
    else:
        given = f" Given: {', '.join(approval.by for approval in stand.approvals)}." if stand.approvals else ""
        command = f"`mlops approve {deployment.model} {version.number}`"
        do = f"Approvers other than {stand.request.by}: {command} until {minute(stand.request.expires)}.{given}"
    return Refusal(f"{stand} for {deployment.model} {version.number} in {deployment.environment}.", do)
