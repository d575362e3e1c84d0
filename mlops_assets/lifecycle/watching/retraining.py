"""Ask the retraining policy and record its answer once.

The answer is a pure function of records. A yes is claimed by its event in the ledger before any run is asked for, so that of two that ask
at once one claims it. Each no is recorded once for its window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError
from mlops_assets.ledger.errors import Refused
from mlops_assets.lifecycle.watching.history import InFlight, data_until, history_of
from mlops_assets.retraining.policy import Decision, decide, decision_key
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    from mlops_assets.ledger.state import DeploymentState
    from mlops_assets.lifecycle.workspace import Workspace

TEXT = 1900


def ask_policy(workspace: Workspace, name: str, in_flight: InFlight) -> tuple[bool, str]:
    """Whether a retraining of ``name`` was claimed just now, and in words why or why not.

    Args:
        workspace, name: the model.
        in_flight: which requests have a training that has not ended.

    Raises:
        MlopsError: where the policy says yes and there is no partition with data to train at.
    """
    state = workspace.ledger.state(name)
    decision = decide(workspace.catalogue.models[name].retrain, history_of(workspace, name, state, in_flight), workspace.now())
    if decision.answer != "yes":
        _record_no(workspace, name, state, decision)
        return False, decision.text
    as_of = training_key(workspace, name)
    body = _body(decision, {"as_of": as_of} if as_of is not None else {})
    try:
        workspace.ledger.append("retraining_requested", name, workspace.actor.name, body, expect=state.sequence)
    except Refused as refusal:
        return False, f"another tick was first: {refusal}"
    return True, decision.text


def training_key(workspace: Workspace, name: str) -> str | None:
    """The newest partition that has ended and for which there is data; None where undated.

    Raises:
        MlopsError: when there is none.
    """
    calendar = model_windows(workspace.catalogue.models[name], workspace.catalogue).calendar
    if calendar is None:
        return None
    until = data_until(workspace, name)
    key = calendar.newest_complete(until) if until is not None else None
    if key is None:
        raise MlopsError(f"{name} has no complete partition with data to train at.")
    return key


def _record_no(workspace: Workspace, name: str, state: DeploymentState, decision: Decision) -> None:
    """A no about a window, once; nothing is recorded before there is a window to decide about."""
    if decision.window is None or decision.version is None:
        return
    key = decision.key or decision_key(decision.version, decision.trigger, decision.window)
    environment = workspace.settings.environment
    declined = workspace.ledger.events(name, environment=environment, kinds=["retraining_declined"])
    if any(event.body["key"] == key for event in declined):
        return
    try:
        body = {**_body(decision, {}), "key": key, "reason": decision.text[:TEXT]}
        workspace.ledger.append("retraining_declined", name, workspace.actor.name, body, expect=state.sequence)
    except Refused:
        return


def _body(decision: Decision, more: dict[str, Any]) -> dict[str, Any]:
    return {"key": decision.key, "trigger": decision.trigger, "numbers": {**decision.numbers, **more}}
