"""Which partitions of data sets and feature views a model at a partition reads, and which of those are missing or stale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_assets.components.workspace import Workspace
from mlops_assets.spec.calendar import Calendar
from mlops_assets.spec.windows import (
    dataset_keys,
    label_sources,
    model_windows,
    population_sources,
    view_names,
    view_window,
)


@dataclass(frozen=True)
class Need:
    """Partitions of ``asset`` that must be materialized; without a calendar the one table."""

    asset: str
    calendar: Calendar | None
    keys: tuple[str, ...] = ()


def needs_of(workspace: Workspace, name: str, key: str | None) -> list[Need]:
    """What model ``name`` at ``key`` still needs: data sets first, then feature views.

    Unpartitioned tables are always read again: their source may have changed, and equal bytes are stored once.
    """
    catalogue = workspace.catalogue
    datasets, views = read_partitions(workspace, name, key)
    needs = []
    for dataset_name in sorted(datasets):
        dataset = catalogue.datasets[dataset_name]
        keys = _missing(workspace, dataset_name, sorted(k for k in datasets[dataset_name] if k is not None))
        if dataset.calendar is None or keys:
            needs.append(Need(dataset_name, dataset.calendar, keys))
    for view_name in sorted(views):
        calendar = view_window(catalogue.views[view_name], catalogue).calendar
        keys = _missing(workspace, view_name, views[view_name])
        if calendar is None or keys:
            needs.append(Need(view_name, calendar, keys))
    return needs


def read_partitions(workspace: Workspace, name: str, key: str | None) -> tuple[dict[str, set[str | None]], dict[str, list[str]]]:
    """Partitions of data sets and of feature views that model ``name`` reads at ``key``, whether they are there or not."""
    catalogue = workspace.catalogue
    model = catalogue.models[name]
    windows = model_windows(model, catalogue)
    datasets: dict[str, set[str | None]] = {}
    views: dict[str, list[str]] = {}
    if model.examples is not None:
        datasets[model.examples.from_] = set(windows.feature_keys(key)) if key is not None else {None}
        return datasets, views
    assert key is not None
    assert windows.calendar is not None
    as_of_keys = windows.feature_keys(key)
    if not as_of_keys:
        return datasets, views
    for view_name in view_names(model):
        view = catalogue.views[view_name]
        window = view_window(view, catalogue)
        if window.calendar is None:
            views[view_name] = []
            for source in view.from_:
                datasets.setdefault(source, set()).add(None)
            continue
        first, last = (window.calendar.key_of(windows.calendar.start_of(k)) for k in (as_of_keys[0], as_of_keys[-1]))
        views[view_name] = window.calendar.between(first, last)
        for view_key in views[view_name]:
            start, end = window.interval(view_key)
            for source in view.from_:
                datasets.setdefault(source, set()).update(dataset_keys(catalogue.datasets[source], start, end))
    start, end = windows.interval(as_of_keys[0])[0], windows.calendar.end_of(key)
    for source in label_sources(model, catalogue):
        datasets.setdefault(source, set()).update(dataset_keys(catalogue.datasets[source], start, end))
    for source in population_sources(model, catalogue):
        for as_of_key in as_of_keys:
            as_of = windows.calendar.end_of(as_of_key)
            datasets.setdefault(source, set()).update(dataset_keys(catalogue.datasets[source], None, as_of))
    return datasets, views


def _missing(workspace: Workspace, asset: str, keys: Sequence[str]) -> tuple[str, ...]:
    present = set(workspace.store.partitions(asset))
    return tuple(key for key in keys if key not in present)
