"""Which rows of a data set a query may see at a moment, and the store's partitions that hold them.

Rows of events are seen by their event time and by when they could be known; a snapshot as it was, that is the newest
partition that had ended; a static table whole, since it has no history. A time given as a plain date counts as the
day's first instant for the event and as its last instant for availability.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_assets.data.features.query_rules import Query, SandboxError
from mlops_assets.data.features.sandbox import Sandbox, quote
from mlops_assets.errors import MlopsError, nearest
from mlops_assets.spec.covering import dataset_keys
from mlops_assets.spec.dataset import Dataset

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mlops_assets.data.store import Manifest, Store

KEEP_ROWS = 1_000_000
"""Rows that no later window needs stay loaded until there are this many of them."""

BATCH_ROWS = 500_000
"""Partitions are read together up to about this many rows."""

_UNKNOWN_COLUMN = re.compile(r'column "([^"]+)" not found|does not have a column named "([^"]+)"')

Manifests = Mapping[str | None, "Manifest"]


class MissingPartitionsError(MlopsError):
    """Partitions that a window needs are not in the store. ``asset`` and ``keys`` say which."""

    def __init__(self, asset: str, keys: Sequence[str | None], *, needed: int, where: str) -> None:
        self.asset, self.keys = asset, tuple(keys)
        if self.keys == (None,):
            found, do = f"{asset} is not in the store.", f"Materialize {asset} first."
        else:
            span = ", ".join(map(str, self.keys)) if len(self.keys) <= 5 else f"{self.keys[0]} … {self.keys[-1]}"
            found = f"{len(self.keys)} of {needed} partitions of {asset} are not in the store: {span}."
            do = f"Materialize {asset} for them first; a partition without rows is fine, a missing one is not."
        super().__init__(found, where=where, do=do)


class VisibilityError(MlopsError):
    """A data set whose times cannot say what was visible."""


@dataclass(frozen=True)
class Moment:
    """What may be seen: events in ``[start, end)`` that were known before ``known_before``; None is no bound.

    ``as_of`` is the moment at which snapshots are taken: the newest that had ended by then.
    """

    as_of: datetime | None
    start: datetime | None = None
    end: datetime | None = None
    known_before: datetime | None = None

    @classmethod
    def before(cls, as_of: datetime | None, start: datetime | None = None) -> Moment:
        """Everything that was known before ``as_of``, events from ``start`` on; ``as_of`` None is no limit at all."""
        return cls(as_of, start, as_of, as_of)

    @classmethod
    def after(cls, as_of: datetime, end: datetime) -> Moment:
        """What happened in ``[as_of, end)``, whenever it became known."""
        return cls(end, as_of, end, None)


def find_partitions(store: Store, dataset: Dataset, keys: Iterable[str | None], *, where: str) -> Manifests:
    """Current versions of ``keys``, in calendar order.

    Raises:
        MissingPartitionsError: naming what is not there.
    """
    wanted = sorted(set(keys), key=lambda key: key or "")
    found = store.window(dataset.name, wanted) if wanted else {}
    if missing := [key for key in wanted if key not in found]:
        raise MissingPartitionsError(dataset.name, missing, needed=len(wanted), where=where)
    return {key: found[key] for key in wanted}


def keys_at(dataset: Dataset, moment: Moment) -> list[str | None]:
    """Partitions of ``dataset`` that hold what is visible at ``moment``; a snapshot before the first one has none."""
    if dataset.partitions is None:
        return [None]
    end = moment.as_of if dataset.kind == "snapshot" else moment.end
    if end is None:
        raise VisibilityError(
            f"{dataset.name} has partitions, but nothing says as of when it is read.", do="Give the view or model partitions."
        )
    return dataset_keys(dataset, moment.start, end)


def hidden_columns(dataset: Dataset) -> tuple[str, ...]:
    """Columns that are known only after the fact: no feature may see them."""
    return tuple(name for name, column in dataset.columns.items() if column.known == "after")


def can_leak(datasets: Iterable[Dataset]) -> list[str]:
    """Names of tables without history: what they say now may not have been so at an earlier as-of time."""
    return sorted(d.name for d in datasets if d.partitions is None and d.event_time is None and d.available_at is None)


class VisibleTable:
    """One data set in a sandbox. :meth:`show` makes what is visible at a moment readable under the data set's name.

    Partitions are read once, as moments need them, oldest first; show moments in order of time.

    Args:
        box: where it is shown.
        store: where it is read from.
        dataset: its declaration.
        manifests: versions to read, at least those that the moments to come need.
        query: the query that will read it, so that columns which it does not name are not loaded; None: all columns.
        hide: columns that are not shown.
        name: of the table behind it, distinct in the sandbox.
    """

    def __init__(
        self,
        box: Sandbox,
        store: Store,
        dataset: Dataset,
        manifests: Manifests,
        *,
        query: Query | None = None,
        hide: Sequence[str] = (),
        name: str = "",
    ) -> None:
        self.dataset, self._box, self._store, self._manifests = dataset, box, store, manifests
        self._table = quote(f"__{name}{dataset.name}")
        self._loaded: dict[str | None, int] = {}
        self._filled = False
        typical = next((m for m in manifests.values() if m.rows), next(iter(manifests.values()), None))
        self._types = dict(typical.schema) if typical else {}
        shown = [column for column in self._types if column not in hide]
        self.columns, self.hidden = tuple(shown), tuple(hide)
        if query is not None and not query.whole_rows:
            shown = [column for column in shown if column.lower() in query.words] or shown[:1]
        self._shown = shown
        self._event = self._moment_of(dataset.event_time, last_instant=False)
        self._known = self._moment_of(dataset.availability, last_instant=True)
        times = [time for time in (dataset.event_time, dataset.availability) if time]
        self._columns = list(dict.fromkeys([*shown, *times]))

    def inputs(self, moment: Moment) -> dict[str, str]:
        """What is read at ``moment``: manifest reference to digest."""
        read = (self._manifests[key] for key in keys_at(self.dataset, moment))
        return {manifest.reference: manifest.digest for manifest in read}

    def show(self, moment: Moment) -> None:
        """Make what is visible at ``moment`` readable under the data set's name, and nothing else."""
        keys = keys_at(self.dataset, moment)
        if self.dataset.kind == "snapshot" and list(self._loaded) != keys:
            self._forget()
        self._load([key for key in keys if key not in self._loaded])
        self._drop_older(keys)
        if not self._loaded:
            raise VisibilityError(
                f"{self.dataset.name} has no partition that had ended by {moment.as_of:%Y-%m-%d %H:%M} UTC.",
                do="Start its partitions earlier, or what reads it later.",
            )
        columns = ", ".join(quote(column) for column in self._shown)
        where = " and ".join(self._bounds(moment)) or "true"
        self._box.execute(
            f"create or replace temporary view {quote(self.dataset.name)} as select {columns} from {self._table} where {where}"
        )

    @property
    def private(self) -> bool:
        """Whether it holds personal data."""
        return any(column.pii for column in self.dataset.columns.values())

    def rows(self) -> pa.Table:
        """What is shown now, in stored order."""
        return self._box.table(f"select * from {quote(self.dataset.name)}")

    def frame(self) -> pd.DataFrame:
        """What is shown now, as a fresh data frame; dates as ``datetime64``, moments in UTC."""
        frame: pd.DataFrame = self.rows().to_pandas(date_as_object=False)
        return frame

    def _bounds(self, moment: Moment) -> list[str]:
        kind, bounds = self.dataset.kind, []
        if kind == "snapshot":
            if self.dataset.available_at and moment.known_before:
                bounds.append(f"{self._known} < {_literal(moment.known_before)}")
            return bounds
        if self._event and moment.start and kind == "events":
            bounds.append(f"{self._event} >= {_literal(moment.start)}")
        if self._event and moment.end:
            bounds.append(f"{self._event} < {_literal(moment.end)}")
        if self._known and moment.known_before and self._known != self._event:
            bounds.append(f"{self._known} < {_literal(moment.known_before)}")
        return bounds

    def _moment_of(self, column: str | None, *, last_instant: bool) -> str | None:
        if column is None or not self._types:
            return None
        kind = self._types.get(column)
        if kind is None:
            raise VisibilityError(f"{self.dataset.name} has no column {column!r}, which says when its rows happened or were known.")
        if kind.startswith("timestamp"):
            return quote(column)
        if kind.startswith("date32"):
            moment = _midnight(f"{quote(column)} + 1" if last_instant else quote(column), self.dataset.timezone)
            return f"({moment} - interval 1 microsecond)" if last_instant else moment
        raise VisibilityError(
            f"{self.dataset.name}.{column} says when rows happened or were known, but is {kind}.", valid=("datetime", "date")
        )

    def _load(self, keys: Sequence[str | None]) -> None:
        """Read partitions into the table in calendar order, several at a time, so that small ones cost little."""
        batch: list[pa.Table] = []
        rows = 0
        for key in keys:
            manifest = self._manifests[key]
            if manifest.rows or not (self._loaded or batch):
                batch.append(self._store.read(manifest, self._columns))
            rows += manifest.rows
            if rows >= BATCH_ROWS:
                self._insert(batch)
                batch, rows = [], 0
            self._loaded[key] = manifest.rows
        self._insert(batch)

    def _insert(self, tables: Sequence[pa.Table]) -> None:
        import pyarrow as pa

        if not tables:
            return
        columns = ", ".join(quote(column) for column in self._columns)
        schemas = {table.schema.remove_metadata() for table in tables}
        for table in [pa.concat_tables(tables)] if len(schemas) == 1 else tables:
            self._box.register("__incoming", table)
            verb = f"insert into {self._table}" if self._filled else f"create or replace table {self._table} as"
            self._box.execute(f"{verb} select {columns} from __incoming")
            self._box.unregister("__incoming")
            self._filled = self._filled or table.num_rows > 0

    def _forget(self) -> None:
        self._loaded.clear()
        self._filled = False

    def _drop_older(self, keys: Sequence[str | None]) -> None:
        """Free what no later moment needs, now and then, so that memory follows the window and not the whole range."""
        if self.dataset.kind != "events" or not keys or keys[0] is None:
            return
        old = [key for key in self._loaded if key is not None and key < keys[0]]
        count = sum(self._loaded[key] for key in old)
        if count < KEEP_ROWS or 2 * count < sum(self._loaded.values()):
            return
        calendar = self.dataset.partitions.calendar if self.dataset.partitions else None
        assert calendar is not None
        smaller = quote("__smaller")
        self._box.execute(
            f"create table {smaller} as select * from {self._table} where {self._event} >= {_literal(calendar.start_of(keys[0]))}"
        )
        self._box.execute(f"drop table {self._table} cascade")
        self._box.execute(f"alter table {smaller} rename to {self._table}")
        for key in old:
            del self._loaded[key]


def run_visible(
    box: Sandbox, query: Query, tables: Sequence[VisibleTable], moment: Moment, as_of: datetime | None, *, zone: str
) -> pa.Table:
    """Result of ``query`` over what ``tables`` show at ``moment``, with ``$as_of`` bound and ``local_date`` and ``local_time`` of ``zone``.

    Raises:
        SandboxError: the query fails; an unknown column is answered with the nearest one.
    """
    for table in tables:
        table.show(moment)
    box.set_zone(zone)
    try:
        return box.run(query, {"as_of": as_of}, private=any(table.private for table in tables))
    except SandboxError as error:
        unknown = _UNKNOWN_COLUMN.search(error.found)
        if unknown is None:
            raise
        name = unknown.group(1) or unknown.group(2)
        for table in tables:
            if name.lower() in (column.lower() for column in table.hidden):
                found = f"{table.dataset.name}.{name} is known only after the fact, so it is not there."
                raise SandboxError(found, where=error.where, do="Use something that is known at the as-of time.") from error
        valid = sorted({column for table in tables for column in table.columns})
        guess = nearest(name, valid)
        do = f"Did you mean {guess!r}?" if guess else None
        raise SandboxError(f"there is no column {name!r}.", where=error.where, valid=valid, do=do) from error


def _midnight(day: str, zone: str) -> str:
    """The first instant of a local day in SQL. Of a midnight that comes twice DuckDB takes the second; the second before it comes once."""
    moment = f"timezone('{zone}', cast({day} as timestamp))"
    if zone == "UTC":
        return moment
    return f"least({moment}, timezone('{zone}', cast({day} as timestamp) - interval 1 second) + interval 1 second)"


def _literal(moment: datetime) -> str:
    return f"timestamptz '{moment.isoformat()}'"
