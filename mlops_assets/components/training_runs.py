"""From a request in the ledger to a trained model: what is read is made first, then one training run; each step is asked for once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.ranges import ranges, run_request
from mlops_assets.components.tags import RETRAINING_TAG, STAGE_TAG
from mlops_assets.lifecycle.needs import Need, needed_datasets, needed_views, read_by_model
from mlops_assets.plan.kinds import TRAINING_CHAIN

if TYPE_CHECKING:
    from mlops_assets.ledger.events import Event
    from mlops_assets.lifecycle.workspace import Workspace

REMEMBERED = 20
"""Newest requests whose runs are looked at; older ones have ended."""


@dataclass(frozen=True)
class OpenRequest:
    """A request whose training run has not ended.

    Attributes:
        key: of the request.
        as_of: partition to train at; None: undated.
        begun: stages for which runs were made; ``busy`` whether one of them has not ended.
    """

    key: str
    as_of: str | None
    begun: frozenset[str]
    busy: bool


def open_requests(instance: dg.DagsterInstance, events: Sequence[Event]) -> list[OpenRequest]:
    """Requests among ``events`` that have not led to a training run that ended, well or badly."""
    found = []
    for event in events[-REMEMBERED:]:
        key = event.body["key"]
        runs = instance.get_runs(dg.RunsFilter(tags={RETRAINING_TAG: key}))
        if any(run.is_finished and run.tags.get(STAGE_TAG) == "train" for run in runs):
            continue
        begun = frozenset(run.tags.get(STAGE_TAG, "") for run in runs)
        as_of = event.body["numbers"].get("as_of")
        found.append(OpenRequest(key, str(as_of) if as_of is not None else None, begun, any(not run.is_finished for run in runs)))
    return found


def next_runs(workspace: Workspace, name: str, request: OpenRequest) -> tuple[str, list[dg.RunRequest]]:
    """The stage that comes next and its runs; no runs while earlier ones are busy."""
    if request.busy:
        return "busy", []
    if "train" in request.begun:
        return "done", []
    reads = read_by_model(workspace, name, request.as_of)
    if not request.begun and (runs := [*_making(request, "data", needed_datasets(workspace, reads.datasets))]):
        return "data", runs
    if "features" not in request.begun and (runs := [*_making(request, "features", needed_views(workspace, reads.views))]):
        return "features", runs
    assets = [f"{name}/{stage}" for stage in TRAINING_CHAIN]
    tags = {RETRAINING_TAG: request.key, STAGE_TAG: "train"}
    return "train", [run_request(assets, request.as_of, request.as_of, run_key=f"{request.key}/train", tags=tags)]


def _making(request: OpenRequest, stage: str, needs: Iterator[Need]) -> Iterator[dg.RunRequest]:
    tags = {RETRAINING_TAG: request.key, STAGE_TAG: stage}
    for need in needs:
        if need.calendar is None:
            yield run_request([need.asset], None, None, run_key=f"{request.key}/{need.asset}", tags=tags)
            continue
        for first, last, _, every in ranges(need.calendar, need.keys) if need.keys else ():
            yield run_request([need.asset], first, last, run_key=f"{request.key}/{need.asset}/{first}…{last}", every=every, tags=tags)
