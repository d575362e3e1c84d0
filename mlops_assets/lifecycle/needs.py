"""Which partitions of data sets and feature views a model or the server reads, and which of those are missing or stale.

Stale is a partition of a data set that was read under another declaration, or whose volume check is red: it is read
again, so that the check counts again. Stale is one of a feature view that another definition computed, or whose inputs
were corrected since, at most `recompute` ago. A model never becomes stale here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_assets.lifecycle.declared import read_differently
from mlops_assets.spec.calendar import Calendar
from mlops_assets.spec.covering import covering, dataset_keys, newest_ended
from mlops_assets.spec.periods import ViewWindow
from mlops_assets.spec.reads import label_sources, population_sources, view_names
from mlops_assets.spec.windows import model_windows, view_window

if TYPE_CHECKING:
    from datetime import datetime

    from mlops_assets.data.store import Manifest
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.spec.feature_view import FeatureView

MISSING = "not there"
DECLARED = "read under another declaration"
TOO_FEW = "with fewer rows than min_rows"
DEFINED = "computed by another definition"
CORRECTED = "with an input that was corrected since"


@dataclass(frozen=True)
class Need:
    """Partitions of ``asset`` that must be materialized, oldest first; without a calendar the one table.

    ``reasons`` says how many of them for which reason; ``kept`` how many stay as they are though an input was corrected,
    since that was longer ago than the view recomputes.
    """

    asset: str
    calendar: Calendar | None
    keys: tuple[str, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)
    kept: int = 0

    @property
    def why(self) -> str | None:
        """What is stale and why, in words; None where partitions are merely not there yet."""
        stale = [f"{count} {reason}" for reason, count in self.reasons.items() if reason != MISSING]
        if self.kept:
            stale.append(f"{self.kept} keep what they were computed from, since the correction is older than recompute")
        return f"{self.asset}: {', '.join(stale)}" if stale else None


@dataclass(frozen=True)
class Reads:
    """Partitions that something reads, whether they are there or not: by data set (None: the whole table) and by feature view."""

    datasets: Mapping[str, set[str | None]]
    views: Mapping[str, list[str]]


def needed_datasets(workspace: Workspace, datasets: Mapping[str, set[str | None]]) -> Iterator[Need]:
    """Those of the partitions that are missing or stale.

    Unpartitioned tables are always read again: their source may have changed, and equal bytes are stored once.
    """
    for dataset_name in sorted(datasets):
        calendar = workspace.catalogue.datasets[dataset_name].calendar
        if calendar is None:
            yield Need(dataset_name, None)
            continue
        keys = sorted((k for k in datasets[dataset_name] if k is not None), key=calendar.start_of)
        present = workspace.store.window(dataset_name, keys)
        missing = [k for k in keys if k not in present]
        there = [k for k in keys if k in present] if _readable_again(workspace, dataset_name) else []
        again = read_differently(workspace, dataset_name, there)
        few = [k for k in there if present[k].rows < workspace.catalogue.datasets[dataset_name].min_rows]
        if missing or again or few:
            yield _need(dataset_name, calendar, {MISSING: missing, DECLARED: again, TOO_FEW: few})


def needed_views(workspace: Workspace, views: Mapping[str, list[str]]) -> Iterator[Need]:
    """Those of the partitions that are missing or stale, given the data sets as they are now."""
    from mlops_assets.data.features.computing import definition_digest

    catalogue, store = workspace.catalogue, workspace.store
    for view_name in sorted(views):
        view = catalogue.views[view_name]
        window = view_window(view, catalogue)
        if window.calendar is None:
            yield Need(view_name, None)
            continue
        present = store.window(view_name, views[view_name])
        definition = definition_digest(view, catalogue)
        missing = [k for k in views[view_name] if k not in present]
        defined = [k for k, manifest in present.items() if manifest.facts.get("definition") != definition]
        same = {k: manifest for k, manifest in present.items() if k is not None and k not in defined}
        corrected, kept = _corrected(workspace, view, window, same)
        if missing or defined or corrected or kept:
            reasons = {MISSING: missing, DEFINED: [k for k in defined if k is not None], CORRECTED: corrected}
            yield _need(view_name, window.calendar, reasons, kept)


def read_by_model(workspace: Workspace, name: str, key: str | None) -> Reads:
    """What model ``name`` reads to learn at ``key``."""
    catalogue = workspace.catalogue
    model = catalogue.models[name]
    windows = model_windows(model, catalogue)
    datasets: dict[str, set[str | None]] = {}
    views: dict[str, list[str]] = {}
    if model.examples is not None:
        partitions = catalogue.datasets[model.examples.from_].partitions
        if windows.calendar is None or key is None or partitions is None:
            return Reads({model.examples.from_: {None}}, views)
        keys = windows.feature_keys(key)
        span = (windows.calendar.start_of(keys[0]), windows.calendar.end_of(keys[-1])) if keys else None
        return Reads({model.examples.from_: set(covering(partitions, *span)) if span else set()}, views)
    assert key is not None
    assert windows.calendar is not None
    as_of_keys = windows.feature_keys(key)
    if not as_of_keys:
        return Reads(datasets, views)
    moments = [windows.calendar.end_of(k) for k in as_of_keys]
    for view_name in view_names(model):
        _read_view(workspace, view_name, moments, datasets, views)
    start, end = moments[0], windows.calendar.end_of(key)
    for source in label_sources(model, catalogue):
        datasets.setdefault(source, set()).update(dataset_keys(catalogue.datasets[source], start, end))
    for source in population_sources(model, catalogue):
        for moment in moments:
            datasets.setdefault(source, set()).update(dataset_keys(catalogue.datasets[source], None, moment))
    return Reads(datasets, views)


def read_by_server(workspace: Workspace, name: str) -> Reads:
    """What the server looks up for model ``name``: the newest ended partition of its views that are online, and what those read."""
    datasets: dict[str, set[str | None]] = {}
    views: dict[str, list[str]] = {}
    for view_name in view_names(workspace.catalogue.models[name]):
        if workspace.catalogue.views[view_name].online is not None:
            _read_view(workspace, view_name, [workspace.now()], datasets, views)
    return Reads(datasets, views)


def _read_view(
    workspace: Workspace, name: str, moments: Sequence[datetime], datasets: dict[str, set[str | None]], views: dict[str, list[str]]
) -> None:
    """Add the view as it stood at ``moments``, and the partitions that it is computed from."""
    catalogue = workspace.catalogue
    view = catalogue.views[name]
    window = view_window(view, catalogue)
    if window.calendar is None:
        views[name] = []
        for source in view.from_:
            datasets.setdefault(source, set()).add(None)
        return
    ended = {newest_ended(window.calendar, moment) for moment in moments}
    views[name] = sorted((k for k in ended if k is not None), key=window.calendar.start_of)
    for key in views[name]:
        start, end = window.interval(key)
        for source in view.from_:
            datasets.setdefault(source, set()).update(dataset_keys(catalogue.datasets[source], start, end))


def _need(asset: str, calendar: Calendar, reasons: Mapping[str, Sequence[str]], kept: int = 0) -> Need:
    keys = {key for found in reasons.values() for key in found}
    return Need(
        asset, calendar, tuple(sorted(keys, key=calendar.start_of)), {why: len(found) for why, found in reasons.items() if found}, kept
    )


def _readable_again(workspace: Workspace, name: str) -> bool:
    """Whether a stored partition can be read once more. A snapshot whose source has no history cannot be taken again."""
    from mlops_assets.data.sources import has_history

    dataset = workspace.catalogue.datasets[name]
    return dataset.kind != "snapshot" or has_history(dataset, workspace.source_context(name))


def _corrected(workspace: Workspace, view: FeatureView, window: ViewWindow, present: Mapping[str, Manifest]) -> tuple[list[str], int]:
    """Partitions of the view that follow a correction of their inputs, and how many lie too far back to follow."""
    from mlops_assets.data.features.computing import affected_feature_keys, inputs_of

    assert window.calendar is not None
    used = {key: inputs_of(workspace.store, manifest) for key, manifest in present.items()}
    current = _current(workspace, {reference for inputs in used.values() for reference in inputs})
    following: dict[str, set[str]] = {}
    corrected, kept = [], 0
    newest = max(present, key=window.calendar.start_of, default=None)
    for key, inputs in used.items():
        changed = [reference for reference, digest in inputs.items() if current.get(reference, digest) != digest]
        for reference in changed:
            if reference not in following:
                dataset, _, partition = reference.partition("@")
                following[reference] = set(affected_feature_keys(view, workspace.catalogue, partition, dataset)) if partition else set()
        undated = any("@" not in reference for reference in changed)
        if any(key in following[reference] for reference in changed) or (
            undated and newest is not None and window.calendar.distance(key, newest) < window.recompute
        ):
            corrected.append(key)
        elif changed:
            kept += 1
    return corrected, kept


def _current(workspace: Workspace, references: set[str]) -> dict[str, str]:
    """Digest of the current version of every reference that has one."""
    wanted: dict[str, list[str | None]] = {}
    for reference in references:
        asset, _, partition = reference.partition("@")
        wanted.setdefault(asset, []).append(partition or None)
    return {
        manifest.reference: manifest.digest for asset, keys in wanted.items() for manifest in workspace.store.window(asset, keys).values()
    }
