"""Which partitions have labels that became final, or were corrected, since they were joined; and what is not measured on them yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mlops_assets.components.runner import ranges
from mlops_assets.components.sensors.tick import Tick, run_request
from mlops_assets.components.watching.labels import feedback_of, matured
from mlops_assets.components.watching.tables import current, inputs_of, window_keys
from mlops_assets.data.visible import Moment, keys_at
from mlops_assets.plan.checks import estimates
from mlops_assets.spec.windows import label_sources, model_windows

if TYPE_CHECKING:
    import dagster as dg

    from mlops_assets.components.workspace import Workspace
    from mlops_assets.data.store import Manifest

LOOKED_BACK = 90
"""Newest matured partitions that are held against corrected labels."""


def tick_labels(workspace: Workspace, instance: dg.DagsterInstance) -> Tick:
    """Ask for outcomes of every model that are missing or out of date, and then for the newest performance that has not read them.

    What was asked for once and failed is not asked for again, and holds nothing else up.
    """
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
        if (read := _due_undated(workspace, name)) is not None:
            yield run_request([f"{name}/outcomes"], None, None, run_key=f"{name}/outcomes {_mark(read)}")
        return
    due = due_outcomes(workspace, name)
    for first, last, _, every in ranges(calendar, list(due)):
        mark = _mark([due[key] for key in calendar.between(first, last)[::-1][::every]])
        span = first if first == last else f"{first}…{last}"
        yield run_request([f"{name}/outcomes"], first, last, run_key=f"{name}/outcomes {span} {mark}", every=every)


def _performance(workspace: Workspace, name: str) -> Iterator[dg.RunRequest]:
    """The newest partition with predictions that has ended, where it is not measured, or not on today's outcomes and predictions."""
    store, windows = workspace.store, model_windows(workspace.catalogue.models[name], workspace.catalogue)
    if workspace.ledger.state(name).champion is None:
        return
    newest: str | None = None
    if windows.calendar is not None:
        calendar, now = windows.calendar, workspace.now()
        keys = [key for key in store.partitions(f"{name}/predictions") if key is not None and calendar.contains(key)]
        keys = [key for key in keys if calendar.end_of(key) <= now]
        if not keys:
            return
        newest = max(keys, key=calendar.start_of)
    elif store.current(f"{name}/predictions", None) is None:
        return
    there = current(workspace, f"{name}/outcomes", window_keys(workspace, name, newest, back=windows.horizon))
    if estimates(workspace.catalogue.models[name]):
        there += current(workspace, f"{name}/predictions", window_keys(workspace, name, newest))
    read, before = inputs_of(there), store.current(f"{name}/performance", newest)
    if before is None or dict(before.inputs) != read:
        at = f" {newest}" if newest else ""
        yield run_request([f"{name}/performance"], newest, newest, run_key=f"{name}/performance{at} {_mark(read)}")


def _due_undated(workspace: Workspace, name: str) -> dict[str, str] | None:
    """What outcomes of an undated model would be joined from, where they are missing or were joined from something else."""
    predicted = workspace.store.current(f"{name}/predictions", None)
    if predicted is None:
        return None
    read = inputs_of([predicted, *feedback_of(workspace, name, None)])
    return read if _differs(workspace.store.current(f"{name}/outcomes", None), read) else None


def _known(instance: dg.DagsterInstance, request: dg.RunRequest) -> bool:
    import dagster as dg

    return bool(instance.get_run_records(dg.RunsFilter(tags={"dagster/run_key": str(request.run_key)}), limit=1))


def _mark(read: object) -> str:
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()[:16]


def due_outcomes(workspace: Workspace, name: str) -> dict[str, dict[str, str]]:
    """Matured partitions of predictions whose outcomes are missing or were joined from other versions than today's: key to today's."""
    now, store = workspace.now(), workspace.store
    predicted = [key for key in store.partitions(f"{name}/predictions") if key is not None]
    calendar = model_windows(workspace.catalogue.models[name], workspace.catalogue).calendar
    assert calendar is not None
    keys = sorted((key for key in predicted if calendar.contains(key)), key=calendar.start_of)
    keys = [key for key in keys if matured(workspace, name, key, now)][-LOOKED_BACK:]
    if not keys:
        return {}
    predictions, outcomes = store.window(f"{name}/predictions", keys), store.window(f"{name}/outcomes", keys)
    sources = {key: _label_partitions(workspace, name, key) for key in keys}
    found = {
        dataset: store.window(dataset, sorted({k for s in sources.values() for k in s.get(dataset, ())})) for dataset in _names(sources)
    }
    due = {}
    for key in keys:
        read = {predictions[key].reference: predictions[key].digest}
        wanted = [(dataset, part) for dataset, parts in sources[key].items() for part in parts]
        if any(part not in found[dataset] for dataset, part in wanted):
            continue
        for dataset, part in wanted:
            read[found[dataset][part].reference] = found[dataset][part].digest
        read |= {manifest.reference: manifest.digest for manifest in feedback_of(workspace, name, key)}
        if _differs(outcomes.get(key), read):
            due[key] = read
    return due


def _differs(outcome: Manifest | None, read: Mapping[str, str]) -> bool:
    """Whether outcomes are missing, or what they were joined from has another version now, or something came that they have not read.

    Partitions that the join did not need, and so did not read, are no reason.
    """
    if outcome is None:
        return True
    before = outcome.inputs
    changed = any(reference in before and before[reference] != digest for reference, digest in read.items())
    told = any(reference not in before for reference in read if "/feedback@" in reference)
    return changed or told


def _label_partitions(workspace: Workspace, name: str, key: str) -> dict[str, list[str]]:
    """Partitions of data that labels of ``key`` are read from."""
    model, catalogue = workspace.catalogue.models[name], workspace.catalogue
    windows = model_windows(model, catalogue)
    assert windows.calendar is not None
    if model.examples is not None:
        start, end = windows.calendar.start_of(key), windows.calendar.end_of(key)
        names: Sequence[str] = (model.examples.from_,)
    else:
        (start, end), names = windows.interval(key), label_sources(model, catalogue)
    dated = [catalogue.datasets[dataset] for dataset in names if catalogue.datasets[dataset].partitions is not None]
    return {d.name: [part for part in keys_at(d, Moment.after(start, end)) if part is not None] for d in dated}


def _names(sources: Mapping[str, Mapping[str, Sequence[str]]]) -> list[str]:
    return sorted({dataset for parts in sources.values() for dataset in parts})
