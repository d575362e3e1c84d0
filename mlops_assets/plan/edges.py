"""Which partitions of its inputs an asset reads, as offsets that a partition mapping can say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlops_assets.spec.calendar import COARSENESS, Calendar, Every
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.model import Model
from mlops_assets.spec.reads import label_sources, population_sources, view_names
from mlops_assets.spec.windows import model_windows, view_partitions, view_window

Mapped = Literal["same", "window", "expanding", "all", "unpartitioned"]

_AT_MOST: dict[tuple[Every, Every], int] = {
    ("hour", "day"): 24,
    ("hour", "week"): 168,
    ("hour", "month"): 744,
    ("day", "week"): 7,
    ("day", "month"): 31,
    ("week", "month"): 5,
}
"""Most periods of the finer unit in one of the coarser, where clocks never change."""

_CLOCKS_BACK = 2
"""Most hours that clocks which go back add to a day, a week or a month."""


@dataclass(frozen=True)
class PlannedEdge:
    """What an asset at partition ``d`` reads of another one.

    Attributes:
        upstream: key of the asset that is read.
        mapping: ``same``: partition d (or those inside it); ``window``: from ``start_offset`` to ``end_offset``;
            ``expanding``: from the first partition to ``end_offset``; ``all``: every partition, by an asset that has none;
            ``unpartitioned``: the one version of an asset without partitions.
        start_offset: first period, relative to d, in periods of the reading asset's calendar; None if there is no first one.
        end_offset: last period, relative to d, included.
    """

    upstream: str
    mapping: Mapped
    start_offset: int | None = 0
    end_offset: int = 0


def view_edges(view: FeatureView, catalogue: Catalogue) -> tuple[PlannedEdge, ...]:
    """Features at d read the events of d-L+1 … d, the newest snapshot at d, and static tables."""
    window = view_window(view, catalogue)
    edges: list[PlannedEdge] = []
    for name in view.from_:
        dataset = catalogue.datasets[name]
        if dataset.kind == "snapshot":
            edges.append(_edge(name, window.calendar, dataset.calendar, -_newest_snapshot(window.calendar, dataset.calendar), 0))
        else:
            edges.append(_edge(name, window.calendar, dataset.calendar, 1 - window.lookback, 0))
    return _merge(edges)


def model_edges(model: Model, catalogue: Catalogue) -> tuple[PlannedEdge, ...]:
    """A training set at d reads features (or examples) of d-h-W+1 … d-h and what its labels look at, up to d."""
    windows = model_windows(model, catalogue)
    calendar, newest = windows.calendar, -windows.horizon
    oldest = None if windows.window is None else newest - windows.window + 1
    edges: list[PlannedEdge] = []
    if model.examples is not None:
        dataset = catalogue.datasets[model.examples.from_]
        edges.append(_edge(dataset.name, calendar, dataset.calendar, oldest, newest))
    for name in view_names(model):
        partitions = view_partitions(catalogue.views[name], catalogue)
        edges.append(_edge(name, calendar, partitions.calendar if partitions else None, oldest, newest))
    for name in label_sources(model, catalogue):
        first = None if oldest is None else oldest + 1
        edges.append(_edge(name, calendar, catalogue.datasets[name].calendar, first, 0))
    for name in population_sources(model, catalogue):
        dataset = catalogue.datasets[name]
        start = oldest if dataset.kind == "snapshot" and oldest is not None else None
        if start is not None:
            start -= _newest_snapshot(calendar, dataset.calendar)
        edges.append(_edge(name, calendar, dataset.calendar, start, newest))
    return _merge(edges)


def score_edges(model: Model, catalogue: Catalogue) -> tuple[PlannedEdge, ...]:
    """Scores at d read the features of the population as of d, or in the examples form the rows of d."""
    calendar = model_windows(model, catalogue).calendar
    edges: list[PlannedEdge] = []
    if model.examples is not None:
        dataset = catalogue.datasets[model.examples.from_]
        edges.append(_edge(dataset.name, calendar, dataset.calendar, 0, 0))
    for name in view_names(model):
        partitions = view_partitions(catalogue.views[name], catalogue)
        read = partitions.calendar if partitions else None
        edges.append(_edge(name, calendar, read, -_newest_snapshot(calendar, read), 0))
    for name in population_sources(model, catalogue):
        dataset = catalogue.datasets[name]
        start = -_newest_snapshot(calendar, dataset.calendar) if dataset.kind == "snapshot" else None
        edges.append(_edge(name, calendar, dataset.calendar, start, 0))
    return _merge(edges)


def outcome_edges(model: Model, catalogue: Catalogue) -> tuple[PlannedEdge, ...]:
    """Outcomes of d read what came in the horizon after it, or in the examples form the rows of d; undated ones come by feedback alone."""
    windows = model_windows(model, catalogue)
    if model.examples is not None:
        dataset = catalogue.datasets[model.examples.from_]
        return (_edge(dataset.name, windows.calendar, dataset.calendar, 0, 0),) if windows.calendar else ()
    edges = [
        _edge(name, windows.calendar, catalogue.datasets[name].calendar, 1, windows.horizon) for name in label_sources(model, catalogue)
    ]
    return _merge(edges)


def recent(upstream: str, calendar: Calendar | None, periods: int, *, back: int = 0) -> PlannedEdge:
    """``periods`` partitions of an asset on the reader's own calendar, the newest of them ``back`` before d."""
    return _edge(upstream, calendar, calendar, 1 - periods - back, -back)


def _merge(edges: list[PlannedEdge]) -> tuple[PlannedEdge, ...]:
    """One edge per upstream asset, wide enough for all of its reasons."""
    merged: dict[str, PlannedEdge] = {}
    for edge in edges:
        other = merged.get(edge.upstream, edge)
        if edge.mapping in ("all", "unpartitioned"):
            merged[edge.upstream] = edge
            continue
        starts = [e.start_offset for e in (edge, other)]
        start = None if None in starts else min(s for s in starts if s is not None)
        merged[edge.upstream] = _dated(edge.upstream, start, max(edge.end_offset, other.end_offset))
    return tuple(merged.values())


def _edge(upstream: str, reader: Calendar | None, read: Calendar | None, start: int | None, end: int) -> PlannedEdge:
    if read is None:
        return PlannedEdge(upstream, "unpartitioned")
    if reader is None:
        return PlannedEdge(upstream, "all", None, 0)
    return _dated(upstream, start, end)


def _dated(upstream: str, start: int | None, end: int) -> PlannedEdge:
    if start is None:
        return PlannedEdge(upstream, "expanding", None, end)
    return PlannedEdge(upstream, "same" if (start, end) == (0, 0) else "window", start, end)


def _newest_snapshot(reader: Calendar | None, read: Calendar | None) -> int:
    """How many of the reader's periods back the newest ended snapshot may have begun."""
    if reader is None or read is None or COARSENESS[read.every] <= COARSENESS[reader.every]:
        return 0
    longer = _CLOCKS_BACK if reader.every == "hour" and read.timezone != "UTC" else 0
    return 2 * _AT_MOST[reader.every, read.every] - 1 + longer
