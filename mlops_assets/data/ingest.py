"""From a source to stored partitions: a range is read once, checked once, and split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.data import schema
from mlops_assets.data.schema import Finding, Violation
from mlops_assets.data.sources import SourceContext, Window, fingerprint, has_history, in_order, read_source, reads_only_window
from mlops_assets.data.store import Manifest, Store
from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.spec.calendar import Calendar
    from mlops_assets.spec.columns import ColumnType
    from mlops_assets.spec.dataset import Dataset

_WRITERS = 4
_AHEAD = 16
_SHOWN = 3


class IngestError(MlopsError):
    """Rows that may not be stored. ``failures`` has the violations of each partition that failed."""

    def __init__(self, found: str, *, failures: Mapping[str | None, Sequence[Violation]] | None = None, **parts: Any) -> None:
        self.failures = dict(failures or {})
        super().__init__(found, **parts)


@dataclass(frozen=True)
class Ingested:
    """One partition as it now is.

    Attributes:
        key: its key, None for an unpartitioned table.
        manifest: the current version.
        changed: whether this ingest made it.
        violations: rules that quarantined rows break.
        invalid_rows: how many rows are quarantined.
        rows: how many are stored as valid.
        previous: digest of the version before, if there was one.
        undated: rows of the whole read without a usable event time, which belong to no partition.
    """

    key: str | None
    manifest: Manifest
    changed: bool
    violations: list[Violation]
    invalid_rows: int
    rows: int
    previous: str | None
    undated: int = 0


@dataclass(frozen=True)
class _Rows:
    """Checked rows of one or more partitions: typed table, findings, and each partition's span of rows."""

    table: pa.Table
    findings: list[Finding]
    spans: dict[str | None, tuple[int, int]]
    numbers: np.ndarray
    undated: int
    types: dict[str, ColumnType]


def ingest(
    dataset: Dataset, keys: Sequence[str] | None, store: Store, context: SourceContext, *, now: datetime | None = None
) -> Iterator[Ingested]:
    """Read, check and store partitions ``keys`` (None for an unpartitioned data set), one result each, in order.

    Partitions that are in order are stored even if others are not; those fail together, at the end. Rows are stored in
    order of time, and as the source gives them where times are equal.

    Args:
        now: the moment of the ingest, which decides the newest complete partition; default: the clock.

    Raises:
        SourceError: when the source cannot be read.
        SchemaError: when its columns are not the declared or pinned ones.
        IngestError: when rows break rules and the data set blocks them, or too many do; each such partition keeps its
            previous version.
    """
    wanted = _wanted(dataset, keys)
    pinned = _pinned(dataset, store)
    source = fingerprint(dataset, context)
    failures: dict[str | None, list[Violation]] = {}
    reasons: list[str] = []
    for rows in _read(dataset, wanted, pinned, context, now or datetime.now(UTC)):
        before = store.window(dataset.name, list(rows.spans))
        with ThreadPoolExecutor(_WRITERS) as pool:
            waiting: list[Any] = []
            for key, span in rows.spans.items():
                broken = schema.broken(rows.findings, *span)
                violations = schema.violations(dataset, rows.findings, *span, rows.numbers) if len(broken) else []
                if (reason := _refusal(dataset, key, span[1] - span[0], len(broken), violations)) is not None:
                    failures[key] = violations
                    reasons.append(reason)
                    continue
                if pinned is None and rows.table.num_rows:
                    pinned = _pin(dataset, store, rows.types)
                waiting.append((key, violations, len(broken), pool.submit(_store, dataset, store, rows, key, broken, violations, source)))
                while len(waiting) > _AHEAD:
                    yield _result(waiting.pop(0), before, rows.undated)
            for one in waiting:
                yield _result(one, before, rows.undated)
    if failures:
        more = f" And {len(reasons) - _SHOWN} more partitions." if len(reasons) > _SHOWN else ""
        raise IngestError(
            " ".join(reasons[:_SHOWN]) + more,
            failures=failures,
            where=dataset.name,
            do="Correct the source or the rules, or set on_invalid: quarantine; previous versions are still current.",
        )


def pin_name(dataset: str) -> str:
    """Name of the store's pointer that holds a data set's inferred column types."""
    return f"schema/{dataset}"


def stored_types(dataset: Dataset, store: Store) -> dict[str, ColumnType] | None:
    """Types of all columns of a data set's stored partitions, in order; None before the first ingest."""
    pinned = _pinned(dataset, store)
    return None if pinned is None else schema.column_types(dataset, pinned)


def _pinned(dataset: Dataset, store: Store) -> dict[str, str] | None:
    pointer = store.get_pointer(pin_name(dataset.name))
    return None if pointer is None else dict(pointer["columns"])


def _pin(dataset: Dataset, store: Store, types: Mapping[str, ColumnType]) -> dict[str, str]:
    """Pin the columns of the first ingest, in their order; of two first ingests at once the first counts."""
    body = {"columns": [[name, kind] for name, kind in types.items()]}
    if not store.create_pointer(pin_name(dataset.name), body):
        present = _pinned(dataset, store)
        if present != dict(types):
            raise IngestError("another ingest pinned other columns at the same time.", where=dataset.name, do="Run it again.")
    return dict(types)


def _wanted(dataset: Dataset, keys: Sequence[str] | None) -> list[str] | None:
    """The keys in order.

    Raises:
        IngestError: when keys are given without partitions, or the other way round, or are not in the calendar.
    """
    calendar = dataset.calendar
    if calendar is None:
        if keys is not None:
            raise IngestError("the data set has no partitions, but keys were given.", where=dataset.name)
        return None
    if keys is None:
        raise IngestError("the data set has partitions; say which.", where=dataset.name)
    unknown = [key for key in keys if not calendar.contains(key)]
    if unknown:
        raise IngestError(
            f"{unknown[0]!r} is no partition of it.",
            where=dataset.name,
            do=f"Partitions begin at {calendar.first_key}, one each {calendar.every}.",
        )
    return sorted(set(keys), key=calendar.start_of)


def _read(
    dataset: Dataset, keys: list[str] | None, pinned: dict[str, str] | None, context: SourceContext, now: datetime
) -> Iterator[_Rows]:
    if keys is None:
        yield _whole(dataset, None, None, pinned, context)
    elif dataset.kind == "snapshot":
        yield from _snapshots(dataset, keys, pinned, context, now)
    elif keys:
        yield _events(dataset, keys, pinned, context)


def _checked(dataset: Dataset, table: pa.Table, pinned: dict[str, str] | None) -> tuple[pa.Table, list[Finding], dict[str, ColumnType]]:
    types = schema.column_types(dataset, pinned) if pinned is not None else schema.inferred_types(dataset, table)
    typed, findings = schema.conform(dataset, table, types)
    return typed, findings, types


def _whole(dataset: Dataset, key: str | None, window: Window | None, pinned: dict[str, str] | None, context: SourceContext) -> _Rows:
    """A table without a split by time: an unpartitioned one, or one snapshot."""
    import numpy as np

    typed, findings, types = _checked(dataset, read_source(dataset, window, context), pinned)
    numbers = np.arange(typed.num_rows)
    if dataset.primary_key and not in_order(dataset):
        typed, findings, numbers = _reordered(typed, findings, numbers, _order(typed, list(dataset.primary_key)))
    findings += schema.check(dataset, typed, np.zeros(typed.num_rows, dtype=np.int64))
    return _Rows(typed, findings, {key: (0, typed.num_rows)}, numbers, 0, types)


def _snapshots(dataset: Dataset, keys: list[str], pinned: dict[str, str] | None, context: SourceContext, now: datetime) -> Iterator[_Rows]:
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


def _events(dataset: Dataset, keys: list[str], pinned: dict[str, str] | None, context: SourceContext) -> _Rows:
    """All rows of the keys' time in order of time, with each key's span."""
    import numpy as np

    calendar = _calendar(dataset)
    window = (calendar.start_of(keys[0]), calendar.end_of(keys[-1]))
    typed, findings, types = _checked(dataset, read_source(dataset, window, context), pinned)
    moments, dated = _moments(typed, dataset)
    undated = int((~dated).sum())
    if undated and undated == typed.num_rows and (not reads_only_window(dataset) or any(f.column == dataset.event_time for f in findings)):
        raise IngestError(
            f"none of {undated} rows has a usable event time in {dataset.event_time!r}.",
            failures={None: schema.violations(dataset, findings, 0, typed.num_rows, np.arange(typed.num_rows))},
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
    findings += schema.check(dataset, typed, groups)
    edges = np.searchsorted(groups, np.arange(len(keys) + 1))
    spans: dict[str | None, tuple[int, int]] = {key: (int(edges[i]), int(edges[i + 1])) for i, key in enumerate(keys)}
    return _Rows(typed, findings, spans, numbers, undated, types)


def _moments(table: pa.Table, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Event times in microseconds since the epoch (UTC), and which rows have one. A date is the first instant of its day."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(str(dataset.event_time))
    if pa.types.is_date(column.type):
        zone = dataset.partitions.timezone if dataset.partitions else "UTC"
        column = pc.assume_timezone(column.cast(pa.timestamp("us")), zone, ambiguous="earliest", nonexistent="latest")
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


def _refusal(dataset: Dataset, key: str | None, rows: int, invalid: int, violations: list[Violation]) -> str | None:
    """Why the partition may not be stored, or None."""
    if not invalid:
        return None
    name = "" if key is None else f"partition {key}: "
    listed = "; ".join(str(violation) for violation in violations[:_SHOWN]) + ("; …" if len(violations) > _SHOWN else "")
    if invalid == rows:
        return f"{name}all {rows} rows break a rule: {listed}."
    if dataset.on_invalid == "block":
        return f"{name}{invalid} of {rows} rows break a rule: {listed}."
    if invalid > dataset.max_invalid * rows:
        return f"{name}{invalid} of {rows} rows break a rule, more than max_invalid {dataset.max_invalid:.2%}: {listed}."
    return None


def _store(
    dataset: Dataset, store: Store, rows: _Rows, key: str | None, broken: np.ndarray, violations: list[Violation], source: str
) -> Manifest:
    import numpy as np
    import pyarrow as pa

    start, end = rows.spans[key]
    piece = rows.table.slice(start, end - start)
    quarantined = None
    if len(broken):
        keep = np.ones(end - start, dtype=bool)
        keep[broken - start] = False
        quarantined = schema.invalid_rows(rows.table, rows.findings, broken, start)
        piece = piece.filter(pa.array(keep))
    counted = [{"column": one.column, "rule": one.rule, "count": one.count} for one in violations]
    facts = {"violations": counted, "invalid": len(broken)} if len(broken) else {}
    return store.write(dataset.name, key, piece, facts=facts, source=source, quarantined=quarantined)


def _result(one: Any, before: Mapping[str | None, Manifest], undated: int) -> Ingested:
    key, violations, invalid, future = one
    manifest: Manifest = future.result()
    previous = before[key].digest if key in before else None
    return Ingested(key, manifest, manifest.digest != previous, violations, invalid, manifest.rows, previous, undated)


def _calendar(dataset: Dataset) -> Calendar:
    calendar = dataset.calendar
    assert calendar is not None
    return calendar


def _microseconds(moment: datetime) -> int:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    delta = moment - epoch
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
