"""Reading partitions from their source and checking their rows: a range of events at once, snapshots one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_assets.data.ingest.errors import IngestError
from mlops_assets.data.schema.checks import check
from mlops_assets.data.schema.clock import localized
from mlops_assets.data.schema.columns import conform
from mlops_assets.data.schema.findings import Finding, violations
from mlops_assets.data.sources import SourceContext, Window, has_history, in_order, read_source, reads_only_window

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.spec.calendar import Calendar
    from mlops_assets.spec.columns import ColumnType
    from mlops_assets.spec.dataset import Dataset


@dataclass(frozen=True)
class CheckedRows:
    """Checked rows of one or more partitions: typed table, findings, and each partition's span of rows."""

    table: pa.Table
    findings: list[Finding]
    spans: dict[str | None, tuple[int, int]]
    numbers: np.ndarray
    undated: int
    types: dict[str, ColumnType]


def read_partitions(
    dataset: Dataset, keys: list[str] | None, pinned: dict[str, str] | None, context: SourceContext, now: datetime
) -> Iterator[CheckedRows]:
    """Checked rows of partitions ``keys`` (None for an unpartitioned data set), several partitions at once where one read gives them.

    Args:
        keys: sorted by time.
        pinned: column types of the first ingest, None before it.
        now: decides the newest complete partition.

    Raises:
        SourceError: when the source cannot be read.
        SchemaError: when its columns are not the declared or pinned ones.
        IngestError: when a snapshot of the past cannot be taken any more, or no row has an event time.
    """
    if keys is None:
        yield _whole(dataset, None, None, pinned, context)
    elif dataset.kind == "snapshot":
        yield from _snapshots(dataset, keys, pinned, context, now)
    elif keys:
        yield _events(dataset, keys, pinned, context)


def _whole(dataset: Dataset, key: str | None, window: Window | None, pinned: dict[str, str] | None, context: SourceContext) -> CheckedRows:
    """A table without a split by time: an unpartitioned one, or one snapshot."""
    import numpy as np

    typed, findings, types = conform(dataset, read_source(dataset, window, context), pinned)
    numbers = np.arange(typed.num_rows)
    if dataset.primary_key and not in_order(dataset):
        typed, findings, numbers = _reordered(typed, findings, numbers, _order(typed, list(dataset.primary_key)))
    findings += check(dataset, typed, np.zeros(typed.num_rows, dtype=np.int64))
    return CheckedRows(typed, findings, {key: (0, typed.num_rows)}, numbers, 0, types)


def _snapshots(
    dataset: Dataset, keys: list[str], pinned: dict[str, str] | None, context: SourceContext, now: datetime
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
        rows = _whole(dataset, key, (calendar.start_of(key), calendar.end_of(key)), pinned, context)
        pinned = pinned if pinned is not None else dict(rows.types)
        yield rows


def _events(dataset: Dataset, keys: list[str], pinned: dict[str, str] | None, context: SourceContext) -> CheckedRows:
    """All rows of the keys' time in order of time, with each key's span."""
    import numpy as np

    calendar = _calendar(dataset)
    window = (calendar.start_of(keys[0]), calendar.end_of(keys[-1]))
    typed, findings, types = conform(dataset, read_source(dataset, window, context), pinned)
    moments, dated = _moments(typed, dataset)
    undated = int((~dated).sum())
    if undated and undated == typed.num_rows and (not reads_only_window(dataset) or any(f.column == dataset.event_time for f in findings)):
        raise IngestError(
            f"none of {undated} rows has a usable event time in {dataset.event_time!r}.",
            failures={None: violations(dataset, findings, 0, typed.num_rows, np.arange(typed.num_rows))},
            where=dataset.name,
            do="Name the right column, or give its format.",
        )
    starts, ends = (np.array([_microseconds(of(key)) for key in keys]) for of in (calendar.start_of, calendar.end_of))
    ordinals = np.searchsorted(starts, moments, side="right") - 1
    inside = dated & (ordinals >= 0) & (moments < ends[np.maximum(ordinals, 0)])
    chosen = np.flatnonzero(inside)
    times = moments[chosen]
    if len(times) > 1 and (times[1:] < times[:-1]).any():
        chosen = chosen[np.argsort(times, kind="stable")]
    if dataset.primary_key and not in_order(dataset):
        chosen = chosen[_order(typed.take(chosen), [str(dataset.event_time), *dataset.primary_key])]
    numbers = np.arange(typed.num_rows)
    if len(chosen) != typed.num_rows or (len(chosen) and (chosen[1:] <= chosen[:-1]).any()):
        typed, findings, numbers = _reordered(typed, findings, numbers, chosen)
    groups = ordinals[chosen]
    findings += check(dataset, typed, groups)
    edges = np.searchsorted(groups, np.arange(len(keys) + 1))
    spans: dict[str | None, tuple[int, int]] = {key: (int(edges[i]), int(edges[i + 1])) for i, key in enumerate(keys)}
    return CheckedRows(typed, findings, spans, numbers, undated, types)


def _moments(table: pa.Table, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Event times in microseconds since the epoch (UTC), and which rows have one. A date is the first instant of its day."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(str(dataset.event_time))
    if pa.types.is_date(column.type):
        column = localized(column.cast(pa.timestamp("us")), dataset.timezone)
    dated = column.is_valid().to_numpy()
    return pc.fill_null(column.cast(pa.int64()), 0).to_numpy(), dated


def _order(table: pa.Table, names: list[str]) -> np.ndarray:
    import pyarrow.compute as pc

    order: np.ndarray = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in names]).to_numpy()
    return order


def _reordered(
    table: pa.Table, findings: list[Finding], numbers: np.ndarray, chosen: np.ndarray
) -> tuple[pa.Table, list[Finding], np.ndarray]:
    """Rows ``chosen`` in that order, and the findings about them."""
    import numpy as np
    import pyarrow as pa

    places = np.full(table.num_rows, -1)
    places[chosen] = np.arange(len(chosen))
    moved = []
    for finding in findings:
        rows = places[finding.rows]
        kept = np.flatnonzero(rows >= 0)
        kept = kept[np.argsort(rows[kept], kind="stable")]
        values = None if finding.values is None else finding.values.take(pa.array(kept))
        moved.append(Finding(finding.column, finding.rule, rows[kept], values))
    return table.take(pa.array(chosen)), moved, numbers[chosen]


def _calendar(dataset: Dataset) -> Calendar:
    calendar = dataset.calendar
    assert calendar is not None
    return calendar


def _microseconds(moment: datetime) -> int:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    delta = moment - epoch
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
