"""Storing partitions: those that are in order, even if others are not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.data.ingest.errors import IngestError
from mlops_assets.data.ingest.origins import Origins
from mlops_assets.data.ingest.pinning import Pins, pin, pinned_types
from mlops_assets.data.ingest.reading import CheckedRows, read_partitions
from mlops_assets.data.ingest.routing import NO_TIME, UNREADABLE_TIME
from mlops_assets.data.ingest.rows import Rows, kept, taken, to_store
from mlops_assets.data.schema.findings import Violation, broken, invalid_rows, violations
from mlops_assets.data.sources import SourceContext, fingerprint, rereadable
from mlops_assets.data.store import Account, Manifest, Store

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset

Note = Callable[[Manifest, Rows, "pa.Table | None"], Mapping[str, Any] | None]
"""Given the version of a partition before, and its valid rows and those that are set aside now: what to note of the new version. None:
nothing; empty: nothing is different, so the version before stays."""

_WRITERS = 4
_AHEAD = 16
_SHOWN = 3
_LOCATED = 10
"""Broken partitions of which the places of rows are looked up, for which a file is read again."""


@dataclass(frozen=True)
class ReadSummary:
    """One read of a source.

    Attributes:
        number: reads of one ingest are numbered from 1.
        rows: how many rows were read.
        left_out: how many of them are in none of its partitions, by cause.
        examples: where some of the rows stand whose event time cannot be read, with the value.
    """

    number: int
    rows: int
    left_out: Mapping[str, int]
    examples: tuple[Violation, ...] = ()


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
        read: the whole read that it is a part of.
        read_from: in which state the files were that were read, also where the version before stays.
    """

    key: str | None
    manifest: Manifest
    changed: bool
    violations: list[Violation]
    invalid_rows: int
    rows: int
    previous: str | None
    read: ReadSummary
    read_from: Mapping[str, Any] | None = None

    @property
    def undated(self) -> int:
        """Rows of the whole read without a usable event time, which belong to no partition."""
        return self.read.left_out.get(NO_TIME, 0) + self.read.left_out.get(UNREADABLE_TIME, 0)


def ingest(
    dataset: Dataset,
    keys: Sequence[str] | None,
    store: Store,
    context: SourceContext,
    *,
    now: datetime | None = None,
    entities: Collection[str] = (),
    note: Note | None = None,
) -> Iterator[Ingested]:
    """Read, check and store partitions ``keys`` (None for an unpartitioned data set), one result each, in order.

    Partitions that are in order are stored even if others are not; those fail together, at the end. Rows are stored in
    order of time, and as the source gives them where times are equal. What was read is stored, quarantined, or left out by a
    named cause; a partition where that does not add up is not stored.

    Args:
        now: the moment of the ingest, which decides the newest complete partition; default: the clock.
        entities: columns that name entities, whose undeclared floats are integers with missing values.
        note: what to note of a version that replaces another.

    Raises:
        SourceError: when the source cannot be read.
        SchemaError: when its columns are not the declared or pinned ones.
        IngestError: when rows break rules and the data set blocks them, or too many do; each such partition keeps its
            previous version.
        StoreError: when it cannot be stored.
        LostRowsError: when the rows that were read do not add up; nothing is stored of such a partition.
    """
    wanted = _wanted(dataset, keys)
    pins = pinned_types(dataset, store)
    how = fingerprint(dataset, context)
    failures: dict[str | None, list[Violation]] = {}
    reasons: list[str] = []
    reads: list[ReadSummary] = []
    read: Origins | None = None
    for rows in read_partitions(dataset, wanted, pins, context, now or datetime.now(UTC), entities):
        if rows.origins is not read:
            read = rows.origins
            reads.append(ReadSummary(len(reads) + 1, read.read, dict(read.left_out), unreadable(dataset, rows)))
        summary = reads[-1]
        before = store.window(dataset.name, list(rows.spans))
        with ThreadPoolExecutor(_WRITERS) as pool:
            waiting: list[_Storing] = []
            for key, span in rows.spans.items():
                bad = broken(rows.findings, *span)
                place = rows.origins.place if len(failures) < _LOCATED else _nowhere
                found = violations(dataset, rows.findings, *span, rows.numbers, place) if len(bad) else []
                if (reason := refusal(dataset, key, span[1] - span[0], len(bad), found)) is not None:
                    failures[key] = found
                    reasons.append(reason)
                    continue
                if rows.rows.num_rows and (pins is None or pins.read != rows.pins.read):
                    pins = pin(dataset, store, Pins(pins.columns if pins else rows.pins.columns, rows.pins.read))
                waiting.append(_Storing(key, found, len(bad), before.get(key), summary))
                waiting[-1].future = pool.submit(_store, dataset, store, context, rows, waiting[-1], bad, how, note)
                while len(waiting) > _AHEAD:
                    yield waiting.pop(0).result()
            for one in waiting:
                yield one.result()
    if failures:
        more = f" And {len(reasons) - _SHOWN} more partitions." if len(reasons) > _SHOWN else ""
        raise IngestError(
            " ".join(reasons[:_SHOWN]) + more,
            failures=failures,
            where=dataset.name,
            do="Correct the source or the rules, or set on_invalid: quarantine; previous versions are still current.",
        )


@dataclass
class _Storing:
    """A partition that is being stored."""

    key: str | None
    found: list[Violation]
    invalid: int
    before: Manifest | None
    summary: ReadSummary
    future: Any = None
    read_from: Mapping[str, Any] | None = None

    def result(self) -> Ingested:
        manifest: Manifest = self.future.result()
        previous = None if self.before is None else self.before.digest
        changed = manifest.digest != previous
        return Ingested(self.key, manifest, changed, self.found, self.invalid, manifest.rows, previous, self.summary, self.read_from)


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


def refusal(dataset: Dataset, key: str | None, rows: int, invalid: int, found: list[Violation]) -> str | None:
    """Why the partition may not be stored, or None."""
    if not invalid:
        return None
    name = "" if key is None else f"partition {key}: "
    listed = "; ".join(str(violation) for violation in found[:_SHOWN]) + ("; …" if len(found) > _SHOWN else "")
    if invalid == rows:
        return f"{name}all {rows} rows break a rule: {listed}."
    if dataset.on_invalid == "block":
        return f"{name}{invalid} of {rows} rows break a rule: {listed}."
    if invalid > dataset.max_invalid * rows:
        return f"{name}{invalid} of {rows} rows break a rule, more than max_invalid {dataset.max_invalid:.2%}: {listed}."
    return None


def _store(
    dataset: Dataset,
    store: Store,
    context: SourceContext,
    rows: CheckedRows,
    part: _Storing,
    bad: np.ndarray,
    how: str,
    note: Note | None,
) -> Manifest:
    start, end = rows.spans[part.key]
    valid = kept(rows.rows, start, end, bad)
    quarantined = invalid_rows(taken(rows.rows, bad), rows.findings, bad) if len(bad) else None
    part.read_from = rows.origins.state(part.key, store) if rereadable(dataset) else None
    account = Account(rows.read[part.key], rows.left_out.get(part.key, {}))
    noted = None
    if note is not None and part.before is not None:
        noted = note(part.before, valid, quarantined)
        if noted is not None and not noted:
            account.settle(dataset.name, part.key, valid.num_rows, len(bad))
            return part.before
    counted = [{"column": one.column, "rule": one.rule, "count": one.count} for one in part.found]
    return store.write(
        dataset.name,
        part.key,
        to_store(valid),
        facts={"violations": counted, "invalid": len(bad)} if len(bad) else {},
        source=how,
        quarantined=quarantined,
        account=account,
        read_from=part.read_from,
        note=noted,
    )


def unreadable(dataset: Dataset, rows: CheckedRows) -> tuple[Violation, ...]:
    """What is wrong with the event times that could not be read, in the whole read."""
    return tuple(violations(dataset, rows.unreadable, 0, rows.origins.rows, range(rows.origins.rows), rows.origins.place))


def _nowhere(row: int) -> None:
    return None
