"""Ask the retraining policy, and see what it asked for through. A tick that is killed in between is made up by the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.tick import Tick
from mlops_assets.components.training_runs import next_runs, open_requests
from mlops_assets.lifecycle.watching.history import requests_of
from mlops_assets.lifecycle.watching.retraining import ask_policy

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def tick(workspace: Workspace, model: str, instance: dg.DagsterInstance) -> Tick:
    """Go on with an open request, else decide; while one is open, no other is asked for."""
    if (going := _go_on(workspace, model, instance)) is not None:
        return going
    claimed, said = ask_policy(workspace, model, lambda events: {request.key for request in open_requests(instance, events)})
    if not claimed:
        return Tick(said=(said,))
    going = _go_on(workspace, model, instance)
    return Tick(going.requests if going else (), (said, *(going.said if going else ())))


def _go_on(workspace: Workspace, model: str, instance: dg.DagsterInstance) -> Tick | None:
    """Runs that the oldest open request still needs; None where no request is open."""
    waiting = open_requests(instance, requests_of(workspace, model))
    if not waiting:
        return None
    request = waiting[0]
    stage, runs = next_runs(workspace, model, request)
    at = f" as of {request.as_of}" if request.as_of else ""
    if not runs:
        return Tick(said=(f"retraining{at} ({request.key[:8]}) is under way",))
    words = {"data": "makes the data sets that it reads", "features": "computes the features that it reads", "train": "trains"}
    return Tick(runs, (f"retraining{at} ({request.key[:8]}) {words[stage]}",))
