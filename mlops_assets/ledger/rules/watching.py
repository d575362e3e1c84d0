"""Incidents, and requests to train again."""

from __future__ import annotations

from datetime import datetime

from mlops_assets.ledger.events import Draft, minute
from mlops_assets.ledger.rules.refusal import Readable, Refusal
from mlops_assets.ledger.state import DeploymentState


def incident_opened(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """An incident is opened once."""
    if draft.body["incident"] in deployment.incidents:
        return Refusal(f"incident {draft.body['incident']} is open already.", "Close it, or open another one.")
    return None


def incident_closed(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """An incident that is closed was open."""
    if draft.body["incident"] not in deployment.incidents:
        return Refusal(f"incident {draft.body['incident']} is not open.", f"Open: {', '.join(sorted(deployment.incidents)) or 'none'}.")
    return None


def retraining_requested(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """One request is made for one cause."""
    if (made := deployment.retraining.get(draft.body["key"])) is not None:
        return Refusal(f"retraining for {draft.body['key']} was requested at {minute(made)}.", "One request is made for one cause.")
    return None
