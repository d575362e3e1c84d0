"""Reading stored partitions once more without storing anything: which of them are not what their source says now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.data.ingest.changes import Change, change_of
from mlops_assets.data.ingest.errors import IngestError
from mlops_assets.data.ingest.pinning import pinned_types
from mlops_assets.data.ingest.reading import CheckedRows, read_partitions
from mlops_assets.data.ingest.rows import in_memory, kept, taken
from mlops_assets.data.ingest.storing import refusal, unreadable
from mlops_assets.data.schema.errors import SchemaError
from mlops_assets.data.schema.findings import Violation, broken, invalid_rows, violations
from mlops_assets.data.sources import SourceContext, SourceError, rereadable
from mlops_assets.data.store import Manifest, Store, StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset


@dataclass(frozen=True)
class Reread:
    """A stored partition beside what its source says now.

    Attributes:
        key: its key, None for an unpartitioned table.
        stored: its current version; None where there is none.
        change: what is different; None where that cannot be said.
        problem: why it cannot be read or compared, or would not be stored; None where it would.
        read_from: in which state the files are from which it was read now.
        rows: its valid rows now, where they could be read.
        violations: what is broken in rows now.
        undated: rows of the whole read whose event time cannot be read.
    """

    key: str | None
    stored: Manifest | None
    change: Change | None
    problem: str | None = None
    read_from: Mapping[str, Any] | None = None
    rows: pa.Table | None = None
    violations: tuple[Violation, ...] = ()
    undated: tuple[Violation, ...] = ()


def reread(
    dataset: Dataset, stored: Mapping[str | None, Manifest | None], store: Store, context: SourceContext, *, now: datetime | None = None
) -> Iterator[Reread]:
    """Each stored partition beside its source, one after the other; what cannot be read says why.

    Args:
        stored: current versions by key; None for a partition that has none, of which all rows are new.
        now: the moment, which decides the newest complete partition; default: the clock.
    """
    calendar = dataset.calendar
    keys = None if calendar is None else sorted((key for key in stored if key is not None), key=calendar.start_of)
    left: list[str | None] = [None] if keys is None else [*keys]
    try:
        for rows in read_partitions(dataset, keys, pinned_types(dataset, store), context, now or datetime.now(UTC)):
            undated = unreadable(dataset, rows)
            for key in rows.spans:
                left.remove(key)
                yield replace(_beside(dataset, key, stored[key], rows, store), undated=undated)
    except (SourceError, SchemaError, IngestError) as error:
        for key in left:
            yield Reread(key, stored[key], None, str(error))


def _beside(dataset: Dataset, key: str | None, before: Manifest | None, rows: CheckedRows, store: Store) -> Reread:
    start, end = rows.spans[key]
    bad = broken(rows.findings, start, end)
    valid = in_memory(kept(rows.rows, start, end, bad))
    aside = invalid_rows(taken(rows.rows, bad), rows.findings, bad) if len(bad) else None
    found = violations(dataset, rows.findings, start, end, rows.numbers, rows.origins.place) if len(bad) else []
    problem = refusal(dataset, key, end - start, len(bad), found)
    state = rows.origins.state(key, store) if rereadable(dataset) else None
    try:
        change = Change(added=valid.num_rows) if before is None else change_of(dataset, store, before, valid, aside)
    except StoreError as error:
        return Reread(key, before, None, str(error), state, valid, tuple(found))
    return Reread(key, before, change, problem, state, valid, tuple(found))


def unreadable_past(dataset: Dataset, keys: Sequence[str], context: SourceContext, now: datetime) -> list[str]:
    """Those of ``keys`` that the source cannot give any more: snapshots of the past of a source that shows only how a table is."""
    from mlops_assets.data.sources import has_history

    if dataset.kind != "snapshot" or dataset.calendar is None or has_history(dataset, context):
        return []
    newest = dataset.calendar.newest_complete(now)
    return [key for key in keys if key != newest]


def touched_by(
    dataset: Dataset, keys: Sequence[str], files: Sequence[str], store: Store, context: SourceContext, *, now: datetime | None = None
) -> list[str]:
    """Those of the partitions of which some of ``files`` have rows; all of them where that cannot be said from these files alone."""
    if dataset.prepare is not None or dataset.kind != "events":
        return list(keys)
    pins = pinned_types(dataset, store)
    touched: set[str | None] = set()
    try:
        for file in files:
            for rows in read_partitions(_of_file(dataset, file), [*keys], pins, context, now or datetime.now(UTC)):
                touched.update(key for key, (start, end) in rows.spans.items() if end > start)
    except (SourceError, SchemaError, IngestError):
        return list(keys)
    return [key for key in keys if key in touched]


def _of_file(dataset: Dataset, file: str) -> Dataset:
    """The data set as if its source were this one file."""
    source = dataset.source
    field = next(name for name in type(source).model_fields if name.rstrip("_") == source.kind)
    return dataset.model_copy(update={"source": source.model_copy(update={field: source.detail.model_copy(update={"path": file})})})
