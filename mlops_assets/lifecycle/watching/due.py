"""Which partitions have labels that became final, or were corrected, since they were joined; and what is not measured on them yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlops_assets.data.features.visible import Moment, keys_at
from mlops_assets.lifecycle.watching.labels import feedback_of, matured
from mlops_assets.lifecycle.watching.tables import current, inputs_of, window_keys
from mlops_assets.plan.checks import estimates
from mlops_assets.spec.reads import label_sources
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    from mlops_assets.data.store import Manifest
    from mlops_assets.lifecycle.workspace import Workspace

LOOKED_BACK = 90
"""Newest matured partitions that are held against corrected labels."""


def due_outcomes(workspace: Workspace, name: str) -> dict[str, dict[str, str]]:
    """Matured partitions of predictions whose outcomes are missing or were joined from other versions than today's: key to today's."""
    now, store = workspace.now(), workspace.store
    predicted = [key for key in store.partitions(f"{name}/predictions") if key is not None]
    calendar = model_windows(workspace.catalogue.models[name], workspace.catalogue).calendar
    assert calendar is not None
    keys = sorted((key for key in predicted if calendar.exists(key)), key=calendar.start_of)
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


def due_undated(workspace: Workspace, name: str) -> dict[str, str] | None:
    """What outcomes of an undated model would be joined from, where they are missing or were joined from something else."""
    predicted = workspace.store.current(f"{name}/predictions", None)
    if predicted is None:
        return None
    read = inputs_of([predicted, *feedback_of(workspace, name, None)])
    return read if _differs(workspace.store.current(f"{name}/outcomes", None), read) else None


def due_performance(workspace: Workspace, name: str) -> tuple[str | None, dict[str, str]] | None:
    """The newest partition with predictions that has ended and what it would be measured on, where it is not measured on that yet."""
    store, windows = workspace.store, model_windows(workspace.catalogue.models[name], workspace.catalogue)
    if workspace.ledger.state(name).champion is None:
        return None
    newest: str | None = None
    if windows.calendar is not None:
        calendar, now = windows.calendar, workspace.now()
        keys = [key for key in store.partitions(f"{name}/predictions") if key is not None and calendar.exists(key)]
        keys = [key for key in keys if calendar.end_of(key) <= now]
        if not keys:
            return None
        newest = max(keys, key=calendar.start_of)
    elif store.current(f"{name}/predictions", None) is None:
        return None
    there = current(workspace, f"{name}/outcomes", window_keys(workspace, name, newest, back=windows.horizon))
    if estimates(workspace.catalogue.models[name]):
        there += current(workspace, f"{name}/predictions", window_keys(workspace, name, newest))
    read, before = inputs_of(there), store.current(f"{name}/performance", newest)
    return (newest, read) if before is None or dict(before.inputs) != read else None


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
