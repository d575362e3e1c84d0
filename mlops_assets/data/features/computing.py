"""Features at points in time: one row per entity and as-of time, from rows that were known before it.

Features of partition ``d`` are as of ``end(d)`` and stored as partition ``d`` of the view. They see events with
event time in ``[end(d) - lookback, end(d))`` that were available before ``end(d)``; snapshots as they were; static tables
whole. A row that becomes known late is therefore invisible to every earlier as-of time, whenever features are computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.data.features.query_rules import Query, check_query
from mlops_assets.data.features.sandbox import Sandbox
from mlops_assets.data.features.table import FeatureError, cast_column, conform, declared_types, feature_type
from mlops_assets.data.features.visible import Moment, VisibleTable, can_leak, find_partitions, hidden_columns, keys_at, run_visible
from mlops_assets.data.store.documents import canonical, sha256
from mlops_assets.functions import failed_at, resolve, source_digest
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.periods import ViewWindow
from mlops_assets.spec.windows import view_window

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.store import Manifest, Store


@dataclass(frozen=True)
class Computed:
    """Features of one partition after :func:`compute_features`. ``changed``: the rows differ from the version before."""

    key: str | None
    manifest: Manifest
    changed: bool
    facts: Mapping[str, Any]


def compute_features(
    view: FeatureView,
    catalogue: Catalogue,
    keys: Sequence[str | None],
    store: Store,
    *,
    memory_limit: str | None = None,
    folder: str | None = None,
) -> Iterator[Computed]:
    """Compute and store the features of ``keys``, oldest first; each is stored before the next is computed.

    A range reads every input partition once. Where a recomputed partition has the rows that it had, its version stays,
    and only :func:`inputs_of` says that it also holds for the newer inputs.

    Args:
        view: what to compute.
        catalogue: its data sets, and the folder of its functions.
        keys: partitions of the view's calendar; ``[None]`` for a view over tables without partitions.
        store: where inputs are and features go.
        memory_limit: DuckDB's memory, such as ``2GB``; more data than that spills to ``folder``.
        folder: for temporary files; None: the system's.

    Raises:
        MissingPartitionsError: before anything is computed, if an input partition is not in the store.
        FeatureError: wrong columns, types or keys in what the query or function gave.
        SandboxError: SQL that may not run, or fails.
    """
    window = view_window(view, catalogue)
    moments = _moments(view, window, keys)
    inputs = [_dataset(name, view, catalogue) for name in view.from_]
    query = None
    if view.sql is not None:
        query = check_query(view.sql, where=f"{view.name}.sql", tables=view.from_, parameters=("as_of",) if window.calendar else ())
    needed = {d.name: [key for moment in moments.values() for key in keys_at(d, moment)] for d in inputs}
    found = {d.name: find_partitions(store, d, needed[d.name], where=view.name) for d in inputs}
    definition = definition_digest(view, catalogue)
    with Sandbox(memory_limit=memory_limit, folder=folder) as box:
        tables = [VisibleTable(box, store, d, found[d.name], query=query, hide=hidden_columns(d)) for d in inputs]
        body = _SqlBody(query, box, _zone(window, inputs)) if query is not None else _PythonBody(view, catalogue)
        for key, moment in moments.items():
            rows = _checked(body.compute(tables, moment), view, inputs, store, definition, as_of=moment.as_of)
            read = {reference: digest for table in tables for reference, digest in table.inputs(moment).items()}
            yield _put(view, inputs, key, moment.as_of, rows, read, definition, store)


def definition_digest(view: FeatureView, catalogue: Catalogue) -> str:
    """SHA-256 of what decides a view's rows: entity, query or function with its file, lookback, and how its inputs are dated."""
    inputs = {}
    for name in view.from_:
        dataset = _dataset(name, view, catalogue)
        inputs[name] = [dataset.kind, dataset.event_time, dataset.available_at, list(hidden_columns(dataset))]
    body = {
        "entity": list(view.entity),
        "inputs": inputs,
        "lookback": str(view.lookback),
        "partitions": view.partitions.model_dump(mode="json") if view.partitions else None,
        "sql": view.sql,
        "python": view.python,
        "source": source_digest(view.python, catalogue.folder(view.name)) if view.python else None,
        "columns": {name: column.type for name, column in view.columns.items()},
    }
    return sha256(canonical(body))


def inputs_of(store: Store, manifest: Manifest) -> Mapping[str, str]:
    """Newest input versions from which the rows of ``manifest`` are known to follow: reference to digest.

    They differ from ``manifest.inputs`` where a correction changed an input without changing these features.
    """
    confirmed = store.get_pointer(_confirmation(manifest.asset, manifest.partition))
    if confirmed is not None and confirmed["digest"] == manifest.digest:
        return dict(confirmed["inputs"])
    return manifest.inputs


def affected_feature_keys(view: FeatureView, catalogue: Catalogue, key: str, dataset: str | None = None) -> list[str]:
    """As-of keys whose features may change when partition ``key`` of an input was corrected, oldest first.

    Those whose window reaches back to that partition, at most ``recompute`` periods after it (default: the lookback).

    Args:
        view: the view.
        catalogue: its data sets.
        key: the corrected partition, in the calendar of ``dataset``.
        dataset: which input; None: the first of the view's.
    """
    window = view_window(view, catalogue)
    source = _dataset(dataset or view.from_[0], view, catalogue)
    if window.calendar is None or source.calendar is None:
        return []
    calendar, start, end = window.calendar, source.calendar.start_of(key), source.calendar.end_of(key)
    if source.kind == "snapshot":
        until = source.calendar.end_of(source.calendar.shift(key, 1))
        candidates = calendar.between(calendar.shift(calendar.key_of(end), -1), calendar.key_of(until))
        affected = [k for k in candidates if end <= calendar.end_of(k) < until]
        return [k for k in affected if calendar.distance(affected[0], k) < window.recompute]
    first = calendar.key_of(start)
    last = calendar.shift(first, window.lookback + window.recompute)
    return [k for k in calendar.between(first, last) if window.interval(k)[0] < end and calendar.distance(first, k) < window.recompute]


def _moments(view: FeatureView, window: ViewWindow, keys: Sequence[str | None]) -> dict[str | None, Moment]:
    if window.calendar is None:
        if any(key is not None for key in keys):
            raise FeatureError(
                "it has no partitions, since nothing that it reads has.", where=view.name, do="Compute it whole, without a key."
            )
        return {None: Moment.before(None)}
    if None in keys:
        raise FeatureError("it has partitions.", where=view.name, do=f"Name one, such as {window.calendar.first_key}.")
    wanted = sorted({key for key in keys if key is not None}, key=window.calendar.start_of)
    if wanted and not window.calendar.contains(wanted[0]):
        raise FeatureError(f"{wanted[0]} lies before the first partition, {window.calendar.first_key}.", where=view.name)
    moments: dict[str | None, Moment] = {}
    for key in wanted:
        start, as_of = window.interval(key)
        moments[key] = Moment.before(as_of, start)
    return moments


def _zone(window: ViewWindow, inputs: Sequence[Dataset]) -> str:
    """The zone whose clock a query's local dates and times are of."""
    return window.calendar.timezone if window.calendar else inputs[0].timezone


def _dataset(name: str, view: FeatureView, catalogue: Catalogue) -> Dataset:
    if name not in catalogue.datasets:
        raise FeatureError(f"there is no data set {name!r}.", where=view.name, valid=sorted(catalogue.datasets))
    return catalogue.datasets[name]


class _SqlBody:
    def __init__(self, query: Query, box: Sandbox, zone: str) -> None:
        self._query, self._box, self._zone = query, box, zone

    def compute(self, tables: Sequence[VisibleTable], moment: Moment) -> pa.Table:
        return run_visible(self._box, self._query, tables, moment, moment.as_of, zone=self._zone)


class _PythonBody:
    def __init__(self, view: FeatureView, catalogue: Catalogue) -> None:
        assert view.python is not None
        self._view, self._name = view, view.python
        self._function = resolve(view.python, catalogue.folder(view.name))

    def compute(self, tables: Sequence[VisibleTable], moment: Moment) -> pa.Table:
        import pandas as pd
        import pyarrow as pa

        where = f"{self._view.name}, function {self._name}"
        as_of = moment.as_of
        for table in tables:
            table.show(moment)
        frames = {table.dataset.name: table.frame() for table in tables}
        try:
            result = self._function(frames, None if as_of is None else pd.Timestamp(as_of))
        except Exception as error:
            at = f" as of {as_of:%Y-%m-%d %H:%M} UTC" if as_of else ""
            line = failed_at(self._function, error).rpartition("/")[2]
            do = "It is called with (tables, as_of): a dict of pandas frames by data set, and a pandas Timestamp."
            raise FeatureError(f"it raised {type(error).__name__}{at} in {line}: {error}.", where=where, do=do) from error
        if not isinstance(result, pd.DataFrame):
            raise FeatureError(f"it returned {type(result).__name__}.", where=where, do="Return a pandas DataFrame.")
        if set(self._view.entity) <= {name for name in result.index.names if name} - set(result.columns):
            result = result.reset_index()
        try:
            return pa.Table.from_pandas(result, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
            raise FeatureError(f"its result mixes types: {error}", where=where, do="Give each column one type.") from error


def _checked(
    rows: pa.Table, view: FeatureView, inputs: Sequence[Dataset], store: Store, definition: str, *, as_of: datetime | None
) -> pa.Table:
    import pyarrow as pa

    where = f"{view.name} as of {as_of:%Y-%m-%d %H:%M} UTC" if as_of else view.name
    personal = {name for dataset in inputs for name, column in dataset.columns.items() if column.pii}
    rows = conform(rows, entity=view.entity, where=where, private=bool(personal & set(view.entity)))
    features = [name for name in rows.column_names if name not in view.entity]
    if not features:
        raise FeatureError("the result has the entity alone and no feature.", where=where)
    if leaked := sorted(personal & set(features)):
        raise FeatureError(
            f"{leaked[0]!r} is personal data and may not be a feature.", where=where, do="Leave it out, or derive something."
        )
    rows = declared_types(rows, view.columns, where=where)
    name = f"schema/{view.name}"
    pinned = store.get_pointer(name)
    if pinned is not None and pinned.get("definition") != definition:
        pinned = None
    types = dict(pinned["columns"]) if pinned else {}
    if types and (differing := set(types) ^ set(rows.column_names)):
        column = sorted(differing)[0]
        found = f"the column {column!r} is {'missing' if column in types else 'new'}"
        raise FeatureError(f"{found}, but every partition must have the same columns.", where=where, valid=sorted(types))
    for column in types:
        rows = cast_column(rows, column, types[column], where=where, reason="its first partition has that type")
    untyped = [column for column in rows.column_names if pa.types.is_null(rows.schema.field(column).type)]
    if untyped and rows.num_rows:
        raise FeatureError(
            f"{untyped[0]!r} has no value, and so no type.",
            where=where,
            do=f"Declare columns: {{{untyped[0]}: {{type: …, nullable: true}}}}.",
        )
    for column in untyped:
        rows = cast_column(rows, column, "double", where=where, reason="it has no value")
    if not types and (rows.num_rows or view.sql is not None):
        store.set_pointer(name, {"definition": definition, "columns": {field.name: str(field.type) for field in rows.schema}})
    return rows


def _put(
    view: FeatureView,
    inputs: Sequence[Dataset],
    key: str | None,
    as_of: datetime | None,
    rows: pa.Table,
    read: Mapping[str, str],
    definition: str,
    store: Store,
) -> Computed:
    features = [field for field in rows.schema if field.name not in view.entity]
    facts = {
        "as_of": as_of.isoformat() if as_of else None,
        "definition": definition,
        "entities": rows.num_rows,
        "features": [
            {"name": field.name, "type": feature_type(field.type, category=_is_category(field.name, view, inputs))} for field in features
        ],
        "missing": {field.name: rows.column(field.name).null_count for field in features},
        "lookback": str(view.lookback),
        "snapshot_sources": can_leak(inputs),
        "rows_digest": _rows_digest(rows),
    }
    before = store.current(view.name, key)
    if before is not None and canonical(before.facts) == canonical(facts):
        if dict(inputs_of(store, before)) != dict(read):
            store.set_pointer(_confirmation(view.name, key), {"digest": before.digest, "inputs": dict(read)})
        kept = store.write(view.name, key, rows, inputs=before.inputs, facts=facts)
        return Computed(key, kept, False, kept.facts)
    manifest = store.write(view.name, key, rows, inputs=read, facts=facts)
    return Computed(key, manifest, True, manifest.facts)


def _is_category(name: str, view: FeatureView, inputs: Sequence[Dataset]) -> bool:
    """Text is a category where it is declared so, or where it keeps the name of columns that are."""
    if name in view.columns:
        return view.columns[name].type == "category"
    sources = [dataset.columns[name] for dataset in inputs if name in dataset.columns]
    return bool(sources) and all(column.type == "category" for column in sources)


def _rows_digest(rows: pa.Table) -> str:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows.combine_chunks())
    return sha256(sink.getvalue())


def _confirmation(asset: str, key: str | None) -> str:
    return f"inputs/{asset}" if key is None else f"inputs/{asset}@{key}"
