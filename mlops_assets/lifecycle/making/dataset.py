"""Read partitions of a data set, store what is valid, and answer the data set's checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from mlops_assets.lifecycle.declared import note_read
from mlops_assets.lifecycle.reads import note_state
from mlops_assets.lifecycle.results import Check, Document, Made, Rows, Stored
from mlops_assets.spec.reads import key_columns

if TYPE_CHECKING:
    from mlops_assets.data.ingest import Ingested
    from mlops_assets.data.schema import Violation
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.spec import Dataset

KEY_RULES = ("primary key", "unique")
"""Rules of :mod:`mlops_assets.data.schema` that say that a row is there twice."""


def make_dataset(workspace: Workspace, name: str, keys: Sequence[str | None]) -> Made:
    """Read the source of ``name`` once for all ``keys`` (``[None]``: the whole table).

    A version that replaces another notes what is different; where nothing is, the one before stays. Where some partitions break the rules,
    the others are stored and the error says which.
    """
    from mlops_assets.data.ingest import IngestError, ingest
    from mlops_assets.data.ingest.changes import noted
    from mlops_assets.data.schema import SchemaError
    from mlops_assets.data.store import LostRowsError

    dataset = workspace.catalogue.datasets[name]
    wanted = None if keys == [None] else [key for key in keys if key is not None]
    done: list[Ingested] = []
    try:
        note, entities = partial(noted, dataset, workspace.store), key_columns(name, workspace.catalogue)
        for item in ingest(dataset, wanted, workspace.store, workspace.source_context(name), entities=entities, note=note):
            done.append(item)
    except LostRowsError as error:
        _note_read(workspace, name, done)
        return Made([_stored(item) for item in done], [Check("accounting", False, {}, description=str(error))], error)
    except (IngestError, SchemaError) as error:
        _note_read(workspace, name, done)
        broken = [violation for found in getattr(error, "failures", {}).values() for violation in found]
        return Made([_stored(item) for item in done], [*_refused(dataset, str(error), broken)], error)
    _note_read(workspace, name, done)
    return Made([_stored(item) for item in done], [*_checks(workspace, dataset, done)])


def _note_read(workspace: Workspace, name: str, done: Sequence[Ingested]) -> None:
    note_read(workspace, name, [item.key for item in done])
    note_state(workspace, name, [(item.manifest, item.read_from) for item in done])


def lost_causes() -> dict[str, str]:
    """Causes for which a row is in no partition at all, by what the check `accounting` shows them under."""
    from mlops_assets.data.ingest.routing import LOST

    return {_key(cause): cause for cause in LOST}


def _key(cause: str) -> str:
    return f"left_out_{cause.replace(' ', '_')}"


def _stored(item: Ingested) -> Stored:
    shown: dict[str, Any] = {"changed": item.changed, "invalid_rows": item.invalid_rows}
    if (account := item.manifest.accounting) is not None:
        shown["rows_read"] = account["read"]
    if item.violations:
        shown["violations"] = Rows([vars(violation) for violation in item.violations])
    if item.changed and item.previous:
        shown["replaces"] = item.previous
        if item.manifest.note:
            shown["what_changed"] = Document(dict(item.manifest.note))
    return Stored(item.key, item.manifest.digest, shown, item.manifest)


def _refused(dataset: Dataset, reason: str, broken: Sequence[Violation]) -> Iterator[Check]:
    yield Check("schema", False, {"violations": Rows([vars(v) for v in broken])} if broken else {}, description=reason)
    if dataset.primary_key:
        yield _primary_key(dataset, broken, stored=False)


def _checks(workspace: Workspace, dataset: Dataset, done: Sequence[Ingested]) -> Iterator[Check]:
    invalid, rows = sum(item.invalid_rows for item in done), sum(item.rows for item in done)
    found = {"rows": rows, "quarantined_rows": invalid}
    yield Check("schema", True, found, description=f"{invalid:,} of {rows + invalid:,} rows quarantined")
    yield _accounting(done, rows, invalid)
    small = [item for item in done if item.rows < dataset.min_rows]
    yield Check(
        "volume",
        not small,
        {"rows": rows, "required": dataset.min_rows, "partitions_below": len(small), "first_below": str(small[0].key) if small else ""},
        description=_too_few(dataset, small, len(done)) if small else None,
    )
    if dataset.primary_key:
        yield _primary_key(dataset, [violation for item in done for violation in item.violations], stored=True)
    if dataset.max_age is not None and dataset.calendar is not None:
        newest = max(dataset.calendar.end_of(key) for key in {*workspace.store.partitions(dataset.name)})
        age = datetime.now(UTC) - newest
        limit = dataset.max_age.timedelta
        yield Check("freshness", age <= limit, {"newest_rows_until": newest.isoformat(), "at_most_hours": limit.total_seconds() / 3600})


def _accounting(done: Sequence[Ingested], stored: int, quarantined: int) -> Check:
    """Whether the rows of the reads are those that are stored, quarantined and left out."""
    reads = {item.read.number: item.read for item in done}.values()
    read = sum(one.rows for one in reads)
    left_out: Counter[str] = Counter()
    for one in reads:
        left_out.update(one.left_out)
    causes = {_key(cause): count for cause, count in sorted(left_out.items())}
    shown: dict[str, Any] = {"rows_read": read, "stored": stored, "quarantined": quarantined, **causes}
    if unreadable := [violation for one in reads for violation in one.examples]:
        shown["unreadable"] = Rows([vars(violation) for violation in unreadable])
    told = "".join(f", {count:,} {cause}" for cause, count in sorted(left_out.items()))
    where = f" ({unreadable[0]})" if unreadable else ""
    said = f"{read:,} rows read: {stored:,} stored, {quarantined:,} quarantined{told}{where}"
    return Check("accounting", read == stored + quarantined + left_out.total(), shown, description=said)


def _too_few(dataset: Dataset, small: Sequence[Ingested], of: int) -> str:
    wanted = f"at least {dataset.min_rows:,} {'is' if dataset.min_rows == 1 else 'are'} wanted; min_rows says how many"
    if dataset.calendar is None:
        return f"{small[0].rows:,} rows are there, {wanted}."
    return f"{len(small):,} of {of:,} partitions have too few rows, the first is {small[0].key} with {small[0].rows:,}; {wanted}."


def _primary_key(dataset: Dataset, violations: Iterable[Violation], *, stored: bool) -> Check:
    """Rows that repeat a key are set aside, so what is stored names each row once; where nothing was set aside, it fails."""
    twice = [v for v in violations if v.rule in KEY_RULES]
    count = sum(v.count for v in twice)
    shown = {"columns": list(dataset.primary_key), "repeated_rows": count}
    return Check("primary_key", stored or not count, shown, description=f"{count} rows repeat a key" if count else None)
