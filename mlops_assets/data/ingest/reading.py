"""Reading partitions from their source and checking their rows: a range of events at once, snapshots one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_assets.data.ingest.errors import IngestError
from mlops_assets.data.ingest.history import within_history
from mlops_assets.data.ingest.origins import Origins
from mlops_assets.data.ingest.pinning import Pins
from mlops_assets.data.ingest.routing import NO_TIME, UNREADABLE_TIME, microseconds, moments
from mlops_assets.data.ingest.rows import Rows, SpooledRows
from mlops_assets.data.ingest.spool import Spool
from mlops_assets.data.ingest.spool_checks import check_spool
from mlops_assets.data.ingest.typed import Read
from mlops_assets.data.ingest.waiting import Waiting
from mlops_assets.data.schema.checks import check
from mlops_assets.data.schema.findings import Finding, merged, moved, shifted, violations
from mlops_assets.data.sources import SourceContext, Window, has_history, in_order, reads_only_window, rereadable

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.spec.calendar import Calendar
    from mlops_assets.spec.dataset import Dataset

GROUP_BYTES = 2**28
"""Bytes of the partitions that are checked together."""


@dataclass(frozen=True)
class CheckedRows:
    """Checked rows of one or more partitions.

    Attributes:
        rows: typed rows.
        findings: what is broken in them.
        spans: first and last row of each partition.
        numbers: of each row its number in the source, from 0.
        read: how many rows of the source each partition is made of.
        left_out: of these, rows that are not there, by cause.
        origins: the whole read.
        unreadable: findings about event times that could not be read, by number of the row in the source.
        pins: the kind of each column.
    """

    rows: Rows
    findings: list[Finding]
    spans: dict[str | None, tuple[int, int]]
    numbers: Sequence[int] | np.ndarray
    read: Mapping[str | None, int]
    left_out: Mapping[str | None, Mapping[str, int]]
    origins: Origins
    pins: Pins
    unreadable: list[Finding]


def read_partitions(
    dataset: Dataset,
    keys: list[str] | None,
    pins: Pins | None,
    context: SourceContext,
    now: datetime,
    entities: Collection[str] = (),
) -> Iterator[CheckedRows]:
    """Checked rows of partitions ``keys`` (None for an unpartitioned data set), several partitions at once where one read gives them.

    Args:
        keys: sorted by time.
        pins: kinds of the columns at the first ingest, None before it.
        now: decides the newest complete partition.
        entities: columns that name entities.

    Raises:
        SourceError: when the source cannot be read.
        SchemaError: when its columns are not the declared or pinned ones.
        IngestError: when a snapshot of the past cannot be taken any more, or no row has an event time.
    """
    if keys is None:
        yield from _whole(dataset, None, None, pins, context, entities)
    elif dataset.kind == "snapshot":
        yield from _snapshots(dataset, keys, pins, context, now, entities)
    elif keys:
        yield from _events(dataset, keys, pins, context, entities)


def _snapshots(
    dataset: Dataset, keys: list[str], pins: Pins | None, context: SourceContext, now: datetime, entities: Collection[str]
) -> Iterator[CheckedRows]:
    calendar = _calendar(dataset)
    if not has_history(dataset, context):
        newest = calendar.newest_complete(now)
        if past := [key for key in keys if key != newest]:
            raise IngestError(
                f"its source shows only how the table is now, so partition {past[0]} cannot be taken any more.",
                where=dataset.name,
                valid=[newest] if newest else [],
                do="Take the newest complete partition, or read a source with history: {partition} in the path, or :end in the query.",
            )
    for key in keys:
        for rows in _whole(dataset, key, (calendar.start_of(key), calendar.end_of(key)), pins, context, entities):
            pins = pins if pins is not None else rows.pins
            yield rows


def _whole(
    dataset: Dataset, key: str | None, window: Window | None, pins: Pins | None, context: SourceContext, entities: Collection[str]
) -> Iterator[CheckedRows]:
    """A table without a split by time: an unpartitioned one, or one snapshot."""
    import numpy as np
    import pyarrow as pa

    read = Read(dataset, None if window is None else [window], pins, context, entities)
    with Spool(context.cache) as spool:
        findings: list[Finding] = []

        def again() -> None:
            spool.clear()
            findings.clear()

        for first, typed, found, _ in read.tables(again):
            findings += shifted(found, first)
            spool.add(typed)
        instant = None if window is None else microseconds(window[0])
        numbers: Sequence[int] | np.ndarray = range(spool.total)
        rows: Rows
        if spool.on_disk and in_order(dataset):
            rows, findings = SpooledRows(spool), merged(findings) + check_spool(dataset, spool, instant)
        else:
            table = pa.concat_tables([spool.table(number) for number in range(len(spool))])
            if dataset.primary_key and not in_order(dataset):
                table, findings, numbers = _reordered(table, findings, np.arange(len(table)), _order(table, list(dataset.primary_key)))
            checked = check(dataset, table, np.zeros(table.num_rows, dtype=np.int64))
            rows, findings = table, merged(findings) + within_history(dataset, checked, table, instant)
        read_of, left_out = {key: read.origins.read}, {key: dict(read.origins.left_out)}
        yield CheckedRows(rows, findings, {key: (0, rows.num_rows)}, numbers, read_of, left_out, read.origins, read.pins, [])


def _events(
    dataset: Dataset, keys: list[str], pins: Pins | None, context: SourceContext, entities: Collection[str]
) -> Iterator[CheckedRows]:
    """All rows of the keys' time in order of time, with each key's span; in groups of partitions where there are many rows."""
    read = Read(dataset, windows(dataset, keys, context), pins, context, entities)
    with Spool(context.cache) as spool:
        waiting = Waiting(dataset, keys, spool)
        for first, typed, found, piece in read.tables(waiting.clear):
            waiting.add(typed, found, first, piece)
        read.origins.left_out.update(waiting.left_out)
        _refuse_undated(dataset, waiting, read.origins)
        for group in waiting.groups(GROUP_BYTES if spool.on_disk else None):
            yield _checked(dataset, waiting, group, read)


def windows(dataset: Dataset, keys: list[str], context: SourceContext) -> list[Window]:
    """The time of the keys: all of it at once, or without what lies between where each partition has files of its own."""
    calendar = _calendar(dataset)
    runs = [[keys[0], keys[0]]]
    for key in keys[1:]:
        if rereadable(dataset) and has_history(dataset, context) and calendar.shift(runs[-1][1], 1) != key:
            runs.append([key, key])
        runs[-1][1] = key
    return [(calendar.start_of(first), calendar.end_of(last)) for first, last in runs]


def _checked(dataset: Dataset, waiting: Waiting, group: range, read: Read) -> CheckedRows:
    """The rows of a group of partitions in order of time, and what is broken in them."""
    import numpy as np

    table, findings, numbers, groups = waiting.rows(group)
    times, _ = moments(table, dataset)
    order = None if (times[1:] >= times[:-1]).all() else np.argsort(times, kind="stable")
    if dataset.primary_key and not in_order(dataset):
        order = _order(table, [str(dataset.event_time), *dataset.primary_key])
    if order is not None:
        table, findings, numbers = _reordered(table, findings, numbers, order)
        groups = groups[order]
    findings = merged(findings) + within_history(dataset, check(dataset, table, groups), table, None)
    edges = np.searchsorted(groups, np.arange(group.start, group.stop + 1))
    keys = waiting.keys[group.start : group.stop]
    spans: dict[str | None, tuple[int, int]] = {key: (int(edges[i]), int(edges[i + 1])) for i, key in enumerate(keys)}
    return CheckedRows(table, findings, spans, numbers, waiting.read(keys), waiting.own(keys), read.origins, read.pins, waiting.unreadable)


def _refuse_undated(dataset: Dataset, waiting: Waiting, origins: Origins) -> None:
    """Refuse a read of which no row says when it happened, where that cannot be right.

    Raises:
        IngestError: naming how many there are, and some of them.
    """
    undated = waiting.left_out[NO_TIME] + waiting.left_out[UNREADABLE_TIME]
    if undated and undated == origins.rows and (not reads_only_window(dataset) or waiting.left_out[UNREADABLE_TIME]):
        raise IngestError(
            f"none of {undated} rows has a usable event time in {dataset.event_time!r}.",
            failures={None: violations(dataset, waiting.unreadable, 0, origins.rows, range(origins.rows), origins.place)},
            where=dataset.name,
            do="Name the right column, or give its format.",
        )


def _order(table: pa.Table, names: list[str]) -> np.ndarray:
    import pyarrow.compute as pc

    order: np.ndarray = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in names]).to_numpy()
    return order


def _reordered(
    table: pa.Table, findings: list[Finding], numbers: np.ndarray, chosen: np.ndarray
) -> tuple[pa.Table, list[Finding], np.ndarray]:
    """Rows ``chosen`` in that order, and the findings about them."""
    import pyarrow as pa

    return table.take(pa.array(chosen)), moved(findings, chosen, table.num_rows), numbers[chosen]


def _calendar(dataset: Dataset) -> Calendar:
    calendar = dataset.calendar
    assert calendar is not None
    return calendar
