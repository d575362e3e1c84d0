"""Ask for outcomes whose labels became final or were corrected, and for what is not measured on them yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.ranges import ranges, run_request
from mlops_assets.components.tags import RUN_KEY_TAG
from mlops_assets.components.tick import Tick
from mlops_assets.lifecycle.watching.due import due_outcomes, due_performance, due_undated
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def tick(workspace: Workspace, model: str | None, instance: dg.DagsterInstance) -> Tick:
    """Ask for outcomes of every model that are missing or out of date, and then for the newest performance that has not read them.

    What was asked for once and failed is not asked for again, and holds nothing else up.
    """
    del model
    requests, said = [], []
    for name in sorted(workspace.catalogue.models):
        wanted = [request for request in _outcomes(workspace, name) if not _known(instance, request)]
        wanted = wanted or [request for request in _performance(workspace, name) if not _known(instance, request)]
        requests += wanted
        said += [str(request.run_key).rsplit(" ", 1)[0] for request in wanted]
    return Tick(tuple(requests), said or ["no labels became final or were corrected, and everything is measured"])


def _outcomes(workspace: Workspace, name: str) -> Iterator[dg.RunRequest]:
    calendar = model_windows(workspace.catalogue.models[name], workspace.catalogue).calendar
    if calendar is None:
        if (read := due_undated(workspace, name)) is not None:
            yield run_request([f"{name}/outcomes"], None, None, run_key=f"{name}/outcomes {_mark(read)}")
        return
    due = due_outcomes(workspace, name)
    for first, last, _, every in ranges(calendar, list(due)):
        mark = _mark([due[key] for key in calendar.between(first, last)[::-1][::every]])
        span = first if first == last else f"{first}…{last}"
        yield run_request([f"{name}/outcomes"], first, last, run_key=f"{name}/outcomes {span} {mark}", every=every)


def _performance(workspace: Workspace, name: str) -> Iterator[dg.RunRequest]:
    if (due := due_performance(workspace, name)) is not None:
        key, read = due
        at = f" {key}" if key else ""
        yield run_request([f"{name}/performance"], key, key, run_key=f"{name}/performance{at} {_mark(read)}")


def _known(instance: dg.DagsterInstance, request: dg.RunRequest) -> bool:
    return bool(instance.get_run_records(dg.RunsFilter(tags={RUN_KEY_TAG: str(request.run_key)}), limit=1))


def _mark(read: object) -> str:
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()[:16]
