"""What is different between a stored version of a partition and its rows now, as rows and values, whatever their bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from mlops_assets.data.ingest.rows import Rows, in_memory
from mlops_assets.data.store import Manifest, Store, StoreError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset

_MEMORY = "2GB"
"""What a comparison may use before it goes to disk."""

ADDED, REMOVED, ALTERED = "added", "removed", "altered"


@dataclass(frozen=True)
class Change:
    """What rows of a partition are different.

    Attributes:
        added: rows that are there now only.
        removed: rows that were there before only.
        altered: rows of the same primary key with other values; 0 where there is no key, since then an altered row is one that is removed
            and one that is added.
        columns: columns in which values are different, and those that are there on one side only, in order.
        quarantined: how many rows were set aside before and are now, where these are different.
    """

    added: int = 0
    removed: int = 0
    altered: int = 0
    columns: tuple[str, ...] = ()
    quarantined: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.altered or self.columns or self.quarantined)

    def __str__(self) -> str:
        return describe(self.to_json()) or "nothing"

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and names, without any value of a row; empty where nothing is different."""
        if not self:
            return {}
        counts = {ADDED: self.added, REMOVED: self.removed, ALTERED: self.altered, "columns": list(self.columns)}
        return counts | ({"quarantined": list(self.quarantined)} if self.quarantined else {})


def describe(note: Mapping[str, Any] | None) -> str:
    """The note of a version in words; empty where there is none."""
    if not note:
        return ""
    counts = [f"{note[kind]:,} {'row' if note[kind] == 1 else 'rows'} {kind}" for kind in (ADDED, REMOVED, ALTERED) if note.get(kind)]
    columns = f"values of {', '.join(note['columns'])}" if note.get("columns") else ""
    aside = "{:,} rows were set aside, {:,} are now".format(*note["quarantined"]) if note.get("quarantined") else ""
    return "; ".join(part for part in (", ".join(counts), columns, aside) if part)


def change_of(dataset: Dataset, store: Store, before: Manifest, rows: Rows, aside: pa.Table | None) -> Change:
    """What is different between a stored version and rows that would replace it; the order of rows does not count.

    Args:
        before: the stored version.
        rows: valid rows now, in their stored types.
        aside: rows that break a rule now, with what they break.

    Raises:
        StoreError: when the stored rows are not there any more or were altered.
    """
    quarantined = _quarantined(store, before, aside)
    if same_rows(store, before, rows):
        return Change(quarantined=quarantined)
    with Comparison(store, before, in_memory(rows), dataset.primary_key) as found:
        return Change(found.added, found.removed, found.altered, tuple(found.columns), quarantined)


def same_rows(store: Store, before: Manifest, rows: Rows) -> bool:
    """Whether a stored version has the same rows in the same order and the same types."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if before.rows != rows.num_rows or [name for name, _ in before.schema] != rows.column_names:
        return False
    first = 0
    for path in store.paths(before):
        for batch in pq.ParquetFile(path).iter_batches():
            stored, now = pa.Table.from_batches([batch]), rows.slice(first, batch.num_rows)
            if not all(one.type == other.type and one.equals(other) for one, other in zip(stored.columns, now.columns, strict=True)):
                return False
            first += batch.num_rows
    return True


class Comparison:
    """Rows of two tables that are not in both, found by primary key where both have one that names each row once.

    Use it as a context; its tables ``gone`` and ``fresh`` are there until its end.

    Attributes:
        keyed: whether rows were matched by the primary key.
        columns: columns in which values are different, with how many rows that concerns at least.
    """

    def __init__(self, store: Store, before: Manifest, rows: pa.Table, key: Sequence[str]) -> None:
        self._names = {name: f"c{number}" for number, name in enumerate(dict.fromkeys([*before.columns, *rows.column_names]))}
        """Names of SQL, which takes names that differ only by case for one another."""
        self._now = rows.rename_columns([self._names[name] for name in rows.column_names])
        self._paths = store.paths(before)
        self._before = before
        kinds, now = dict(before.schema), {field.name: str(field.type) for field in rows.schema}
        self.shared = [name for name in before.columns if name in now]
        self._as_text = {name for name in self.shared if kinds[name] != now[name]}
        self._unlike = [name for name in self._names if name not in self.shared or name in self._as_text]
        self._key = [name for name in key if name in self.shared and name not in self._as_text]
        self.keyed = bool(key) and len(self._key) == len(key)
        self.added = self.removed = self.altered = 0
        self.columns: dict[str, int] = {}

    def __enter__(self) -> Comparison:
        import duckdb

        self._sql: duckdb.DuckDBPyConnection = duckdb.connect(":memory:")
        self._folder = tempfile.TemporaryDirectory(prefix="mlops-duckdb-")
        self._sql.execute("set timezone = 'UTC'; set enable_progress_bar = false")
        self._sql.execute(f"set memory_limit = '{_MEMORY}'; set temp_directory = {_texts([self._folder.name])[1:-1]}")
        self._sql.register("given", self._now)
        alias = ", ".join(self._names[name] for name in self._before.columns)
        self._sql.execute(f"create view before as select {self._chosen()} from read_parquet({_texts(self._paths)}) as t({alias})")
        self._sql.execute(f"create view now as select {self._chosen()} from given")
        self._sql.execute("create temp table gone as (select * from before except all select * from now)")
        self._sql.execute("create temp table fresh as (select * from now except all select * from before)")
        gone, fresh = self._count("gone"), self._count("fresh")
        self.keyed = self.keyed and not self._repeats_a_key("gone") and not self._repeats_a_key("fresh")
        if self.keyed:
            self._by_key(gone, fresh)
        else:
            self.added, self.removed = fresh, gone
            if gone and fresh:
                self._by_column()
        self.columns = {name: self.columns.get(name, 0) for name in self._names if name in self.columns or name in self._unlike}
        return self

    def __exit__(self, *_: object) -> None:
        self._sql.close()
        self._folder.cleanup()

    def examples(self, limit: int) -> list[tuple[dict[str, Any] | None, dict[str, Any] | None]]:
        """Rows as they were and as they are: altered ones, then those of one side, with None on the other; up to ``limit`` of each side."""
        if not self.shared:
            return []
        if self.keyed:
            both = self._pairs(f"gone g join fresh f on {self._same_key()}", limit)
            one = self._pairs(f"gone g anti join fresh f on {self._same_key()}", limit, right=False)
            other = self._pairs(f"fresh f anti join gone g on {self._same_key()}", limit, left=False)
        else:
            both, one = [], self._pairs("gone g", limit, right=False)
            other = self._pairs("fresh f", limit, left=False)
        alone = list(zip_longest(one, other))[: max(0, limit - len(both))]
        return both + [side for pair in alone for side in pair if side is not None]

    def _pairs(self, source: str, limit: int, *, left: bool = True, right: bool = True) -> list[Any]:
        order = ", ".join(f"{'g' if left else 'f'}.{self._names[name]}" for name in self._key or self.shared)
        parts = []
        for side, wanted in (("g", left), ("f", right)):
            query = f"select {side}.* from {source} order by {order} limit {limit}"
            table = self._sql.sql(query).to_arrow_table() if wanted else None
            rows = None if table is None else table.rename_columns(self.shared).to_pylist()
            parts.append(rows)
        count = max(len(part) for part in parts if part is not None)
        return [tuple(None if part is None else part[number] for part in parts) for number in range(count)]

    def _chosen(self) -> str:
        """The columns of both sides; those whose types differ as text."""
        spelled = [(name, self._names[name]) for name in self.shared]
        return ", ".join(f"{sql}::varchar as {sql}" if name in self._as_text else sql for name, sql in spelled) or "1 as c"

    def _count(self, table: str) -> int:
        return self._number(f"select count(*) from {table}")

    def _number(self, query: str) -> int:
        ((number,),) = self._sql.execute(query).fetchall()
        return int(number)

    def _repeats_a_key(self, table: str) -> bool:
        columns = ", ".join(self._names[name] for name in self._key)
        return self._number(f"select count(*) from (select 1 from {table} group by {columns} having count(*) > 1)") > 0

    def _same_key(self) -> str:
        return " and ".join(f"g.{self._names[name]} is not distinct from f.{self._names[name]}" for name in self._key)

    def _by_key(self, gone: int, fresh: int) -> None:
        others = [name for name in self.shared if name not in self._key]
        differs = ", ".join(f"count(*) filter (g.{self._names[name]} is distinct from f.{self._names[name]})" for name in others)
        query = f"select count(*){', ' + differs if differs else ''} from gone g join fresh f on {self._same_key()}"
        ((self.altered, *counts),) = self._sql.execute(query).fetchall()
        self.added, self.removed = fresh - self.altered, gone - self.altered
        self.columns = {name: count for name, count in zip(others, counts, strict=True) if count}

    def _by_column(self) -> None:
        """Without a key: columns whose values are others among the rows that went than among those that came."""
        for name in self.shared:
            column = self._names[name]
            sides = (
                self._number(f"select count(*) from (select {column} from {one} except all select {column} from {other})")
                for one, other in (("gone", "fresh"), ("fresh", "gone"))
            )
            if count := max(sides):
                self.columns[name] = count


def _quarantined(store: Store, before: Manifest, aside: pa.Table | None) -> tuple[int, int] | None:
    """How many rows were set aside before and are now, where they are not the same; None where they are."""
    was = before.quarantined.rows if before.quarantined else 0
    count = aside.num_rows if aside is not None else 0
    if was != count:
        return was, count
    if aside is None or not was:
        return None
    stored = store.read_quarantined(before)
    texts = [_as_text(table) for table in (stored, aside) if table is not None]
    return None if len(texts) == 2 and texts[0] == texts[1] else (was, count)


def _as_text(table: pa.Table) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in table.to_pylist())


def _texts(paths: Sequence[str]) -> str:
    quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    return f"[{quoted}]"


def noted(dataset: Dataset, store: Store, before: Manifest, rows: Rows, aside: pa.Table | None) -> Mapping[str, Any] | None:
    """The note of a version that replaces ``before``; empty where nothing is different, None where that cannot be compared any more."""
    try:
        return change_of(dataset, store, before, rows, aside).to_json()
    except StoreError:
        return None
