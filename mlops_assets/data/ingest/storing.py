"""Storing partitions: those that are in order, even if others are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.data.ingest.errors import IngestError
from mlops_assets.data.ingest.pinning import pin, pinned_types
from mlops_assets.data.ingest.reading import CheckedRows, read_partitions
from mlops_assets.data.schema.findings import Violation, broken, invalid_rows, violations
from mlops_assets.data.sources import SourceContext, fingerprint
from mlops_assets.data.store import Manifest, Store

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.spec.dataset import Dataset

_WRITERS = 4
_AHEAD = 16
_SHOWN = 3


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
    pinned = pinned_types(dataset, store)
    source = fingerprint(dataset, context)
    failures: dict[str | None, list[Violation]] = {}
    reasons: list[str] = []
    for rows in read_partitions(dataset, wanted, pinned, context, now or datetime.now(UTC)):
        before = store.window(dataset.name, list(rows.spans))
        with ThreadPoolExecutor(_WRITERS) as pool:
            waiting: list[Any] = []
            for key, span in rows.spans.items():
                bad = broken(rows.findings, *span)
                found = violations(dataset, rows.findings, *span, rows.numbers) if len(bad) else []
                if (reason := _refusal(dataset, key, span[1] - span[0], len(bad), found)) is not None:
                    failures[key] = found
                    reasons.append(reason)
                    continue
                if pinned is None and rows.table.num_rows:
                    pinned = pin(dataset, store, rows.types)
                waiting.append((key, found, len(bad), pool.submit(_store, dataset, store, rows, key, bad, found, source)))
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


def _refusal(dataset: Dataset, key: str | None, rows: int, invalid: int, found: list[Violation]) -> str | None:
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
    dataset: Dataset, store: Store, rows: CheckedRows, key: str | None, bad: np.ndarray, found: list[Violation], source: str
) -> Manifest:
    import numpy as np
    import pyarrow as pa

    start, end = rows.spans[key]
    piece = rows.table.slice(start, end - start)
    quarantined = None
    if len(bad):
        keep = np.ones(end - start, dtype=bool)
        keep[bad - start] = False
        quarantined = invalid_rows(rows.table, rows.findings, bad, start)
        piece = piece.filter(pa.array(keep))
    counted = [{"column": one.column, "rule": one.rule, "count": one.count} for one in found]
    facts = {"violations": counted, "invalid": len(bad)} if len(bad) else {}
    return store.write(dataset.name, key, piece, facts=facts, source=source, quarantined=quarantined)


def _result(one: Any, before: Mapping[str | None, Manifest], undated: int) -> Ingested:
    key, found, invalid, future = one
    manifest: Manifest = future.result()
    previous = before[key].digest if key in before else None
    return Ingested(key, manifest, manifest.digest != previous, found, invalid, manifest.rows, previous, undated)
