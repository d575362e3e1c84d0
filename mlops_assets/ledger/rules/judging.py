"""A verdict, and a waiver of gates that did not pass."""

from __future__ import annotations

from datetime import datetime

from mlops_assets.ledger.events import Draft
from mlops_assets.ledger.rules.evidence import open_gates
from mlops_assets.ledger.rules.refusal import Readable, Refusal
from mlops_assets.ledger.state import DeploymentState
from mlops_assets.ledger.words import NOT_PASSED


def verdict(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """A verdict says what its gates said, about a bundle of this environment."""
    body = draft.body
    if body["status"] == "pass" and (gates := [gate["name"] for gate in body["gates"] if gate["status"] in NOT_PASSED]):
        return Refusal(f"a verdict cannot be a pass while {', '.join(gates)} did not pass.", "Record what the gates said.")
    if body["environment"] != draft.environment and body.get("source") is None:
        return Refusal(
            f"the verdict was given in {body['environment']}, and this is {draft.environment}.",
            f"Judge it here, or move the version: `mlops promote {draft.model} --from {body['environment']} --to {draft.environment}`.",
        )
    return None


def waived(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """A waiver names gates of a verdict that did not pass, and why."""
    verdict = deployment.verdicts.get(draft.body["verdict"])
    if verdict is None:
        return Refusal(f"there is no verdict {draft.body['verdict'][:12]} on {draft.model} in {draft.environment}.", "Judge it first.")
    named = list(draft.body["gates"])
    if not named or not draft.body["reason"].strip():
        return Refusal("a waiver names its gates and a reason.", f"Open gates: {', '.join(open_gates(deployment, verdict)) or 'none'}.")
    if wrong := [gate for gate in named if gate not in verdict.not_passed]:
        return Refusal(
            f"{', '.join(wrong)} is no gate of verdict {verdict.id[:12]} that did not pass.",
            f"Gates that did not: {', '.join(verdict.not_passed) or 'none'}.",
        )
    return None
