"""Ask the retraining policy, record its answer once, and see what it asked for through.

The answer is a pure function of records. A yes is claimed by its event in the ledger before any run is asked for, so that of two ticks at
once one claims it, and a tick that is killed in between is made up by the next. Each no is recorded once for its window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_assets.components.sensors.history import data_until, history_of
from mlops_assets.components.sensors.requests import next_runs, open_requests
from mlops_assets.components.sensors.tick import Tick
from mlops_assets.errors import MlopsError
from mlops_assets.ledger.errors import Refused
from mlops_assets.retraining.policy import Decision, decide, decision_key
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    from mlops_assets.components.workspace import Workspace
    from mlops_assets.ledger.state import DeploymentState

TEXT = 1900


def tick_retraining(workspace: Workspace, name: str, instance: dg.DagsterInstance) -> Tick:
    """Go on with an open request, else decide."""
    if (going := _go_on(workspace, name, instance)) is not None:
        return going
    state = workspace.ledger.state(name)
    decision = decide(workspace.catalogue.models[name].retrain, history_of(workspace, name, state, instance), workspace.now())
    if decision.answer != "yes":
        _record_no(workspace, name, state, decision)
        return Tick(said=(decision.text,))
    as_of = training_key(workspace, name)
    body = _body(decision, {"as_of": as_of} if as_of is not None else {})
    try:
        workspace.ledger.append("retraining_requested", name, workspace.actor.name, body, expect=state.sequence)
    except Refused as refusal:
        return Tick(said=(f"another tick was first: {refusal}",))
    going = _go_on(workspace, name, instance)
    return Tick(going.requests if going else (), (decision.text, *(going.said if going else ())))


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


def _go_on(workspace: Workspace, name: str, instance: dg.DagsterInstance) -> Tick | None:
    """Runs that the oldest open request still needs; None where no request is open."""
    events = list(workspace.ledger.events(name, environment=workspace.settings.environment, kinds=["retraining_requested"]))
    waiting = open_requests(workspace, name, instance, events)
    if not waiting:
        return None
    request = waiting[0]
    stage, runs = next_runs(workspace, name, request)
    at = f" as of {request.as_of}" if request.as_of else ""
    if not runs:
        return Tick(said=(f"retraining{at} ({request.key[:8]}) is under way",))
    words = {"data": "makes the data sets that it reads", "features": "computes the features that it reads", "train": "trains"}
    return Tick(runs, (f"retraining{at} ({request.key[:8]}) {words[stage]}",))


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
