"""Whether an event may follow a state: one check, which appending and verifying share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from mlops_assets.ledger.events import Draft, minute
from mlops_assets.ledger.rules.approving import approval_requested, approved
from mlops_assets.ledger.rules.going_live import going_live, rollout_started
from mlops_assets.ledger.rules.judging import verdict, waived
from mlops_assets.ledger.rules.keys import about_key, proven
from mlops_assets.ledger.rules.refusal import Readable, Refusal
from mlops_assets.ledger.rules.registering import registered
from mlops_assets.ledger.rules.retiring import archived, pruned
from mlops_assets.ledger.rules.rolling_back import rolled_back
from mlops_assets.ledger.rules.watching import incident_closed, incident_opened, retraining_requested
from mlops_assets.ledger.state import DeploymentState, Version
from mlops_assets.ledger.transitions import NOUNS, SUBJECT_STARTS


def violation(state: Readable, draft: Draft, now: datetime) -> Refusal | None:
    """Why ``draft`` may not follow ``state`` at ``now``, or None where it may. Pure: appending and verifying ask the same question."""
    if draft.model is None or draft.environment is None:
        return about_key(state, draft)
    deployment = state.of(draft.model, draft.environment)
    if draft.version is not None and draft.kind != "registered":
        version = deployment.versions.get(draft.version)
        if version is None:
            known = ", ".join(str(number) for number in sorted(deployment.versions)) or "none"
            return Refusal(
                f"{draft.model} has no version {draft.version} in {draft.environment}.",
                f"Registered versions: {known}; `mlops status {draft.model}` shows them.",
            )
        starts = SUBJECT_STARTS.get(draft.kind)
        if starts is not None and version.state not in starts:
            return _wrong_state(draft, version, deployment)
    check = _CHECKS.get(draft.kind)
    refusal = check(state, deployment, draft, now) if check else None
    return refusal or proven(state, draft, now)


def _wrong_state(draft: Draft, version: Version, deployment: DeploymentState) -> Refusal:
    name = f"{draft.model} {version.number} in {draft.environment}"
    starts = ", ".join(SUBJECT_STARTS[draft.kind])
    why = f"{name} is {version.state} since {minute(version.since)}; {NOUNS[draft.kind]} is possible from {starts}."
    do = {
        "registered": f"Its verdict is {_verdict_status(deployment, version)}: let the gates judge it again, or waive them by name.",
        "champion": "It serves already. `mlops rollback` takes it out; promoting another version replaces it.",
        "challenger": f"A rollout is on its way: `mlops promote {draft.model} {version.number}` or `mlops rollback {draft.model}` ends it.",
        "rejected": "A rejection is final for this version: train and register another one.",
        "retired": "Retirement is final: train and register another version.",
        "rolled_back": f"Promote it again with fresh approvals: `mlops promote {draft.model} {version.number}`.",
        "archived": f"Promote it again with fresh approvals: `mlops promote {draft.model} {version.number}`.",
    }.get(version.state, f"`mlops status {draft.model}` shows what it waits for.")
    return Refusal(why, do)


def _verdict_status(deployment: DeploymentState, version: Version) -> str:
    verdict = deployment.verdicts.get(version.verdict)
    return verdict.status if verdict else "missing"


_CHECKS: Mapping[str, Callable[[Readable, DeploymentState, Draft, datetime], Refusal | None]] = {
    "registered": registered,
    "verdict": verdict,
    "approval_requested": approval_requested,
    "approved": approved,
    "waived": waived,
    "rollout_started": rollout_started,
    "promoted": going_live,
    "rolled_back": rolled_back,
    "archived": archived,
    "pruned": pruned,
    "incident_opened": incident_opened,
    "incident_closed": incident_closed,
    "retraining_requested": retraining_requested,
}
