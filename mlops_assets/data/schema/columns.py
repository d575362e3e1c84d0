"""The columns of a source against the declared and the pinned ones: undeclared ones are inferred once and pinned."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, get_args

from mlops_assets.data.schema.arrow_types import arrow_type, decimal_kind, scale_of
from mlops_assets.data.schema.conversion import convert
from mlops_assets.data.schema.errors import SchemaError
from mlops_assets.data.schema.findings import Finding
from mlops_assets.data.schema.inference import CODE, DecimalScale, Inferred, TextColumn, TypedColumn, leading_zero
from mlops_assets.data.schema.names import folded, require_distinct
from mlops_assets.data.schema.problems import Problems
from mlops_assets.data.schema.times import NAIVE_AMONG_ZONED, without_zone
from mlops_assets.errors import misspelling, nearest
from mlops_assets.spec.columns import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.columns import SourceColumn
    from mlops_assets.spec.dataset import Dataset


class Casting:
    """Turns the pieces of a source into tables with the declared and pinned columns in their stored types.

    Where nothing is pinned yet, the kinds of undeclared columns are narrowed by the pieces that are taken. :attr:`again` says that a later
    piece changed the kind of a column, so that what earlier pieces were turned into does not hold: take all of them once more.
    """

    def __init__(self, dataset: Dataset, pinned: Mapping[str, str] | None, keys: Collection[str] = ()) -> None:
        """Begin with nothing taken.

        Args:
            pinned: kinds of the first ingest, in order; None: this is the first.
            keys: columns that name entities; keys that came as floats, as a missing value makes of integers, are integers.

        Raises:
            SchemaError: when a column was declared decimal later, without its scale.
        """
        self._dataset = dataset
        self._keys = {*keys, *dataset.primary_key}
        self._pinned = None if pinned is None else column_kinds(dataset, pinned)
        self._inferred: dict[str, Inferred] = {}
        self._wanted = declared_names(dataset)
        self._used: dict[str, str] | None = None
        self._there: set[str] = set()
        self._zones: dict[str, set[bool]] = {}
        self._mixed: frozenset[str] = frozenset()
        self.again = False

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each column, as far as is known by what was taken.

        They are in the order of the source; those of a part of history come last, so that the order does not depend on what is read first.
        """
        if self._pinned is not None:
            return self._pinned
        kinds: dict[str, str] = {}
        columns = self._dataset.columns
        of_a_part = [name for name, column in columns.items() if name in self._inferred and (column.since or column.until)]
        for name in [*(name for name in self._inferred if name not in of_a_part), *of_a_part]:
            inferred = self._inferred[name]
            declared = self._dataset.columns.get(name)
            kind = inferred.kind if declared is None or _scale_open(self._dataset, name) else declared_kind(self._dataset, name)
            times = (self._dataset.event_time, self._dataset.available_at)
            kinds[name] = "datetime" if declared is None and name in times and kind != "date" else kind
        return kinds

    def restart(self) -> None:
        """Begin to take all pieces once more, with the kinds that are known now."""
        self._used, self.again = None, False

    def take(
        self,
        table: pa.Table,
        *,
        text: bool = False,
        sparse: bool = False,
        written: Mapping[str, frozenset[str]] | None = None,
        where: str | None = None,
    ) -> tuple[pa.Table, list[Finding]] | None:
        """The rows with exactly the columns of :attr:`kinds` in their stored types; what does not fit is null and a finding.

        Args:
            table: rows as the source gives them.
            text: whether all columns are text as it is written.
            sparse: whether a column that is not there has missing values only.
            written: how values of a column are written, where the format tells kinds of values apart.
            where: file or database, for messages.

        Returns:
            None where everything must be taken again.

        Raises:
            SchemaError: when columns are missing, are neither declared nor pinned, or have names that SQL takes for one another.
        """
        place = self._dataset.name if where is None else f"{self._dataset.name}: {where}"
        table = _renamed(self._dataset, table, place)
        require_distinct(table.column_names, place)
        self._there.update(table.column_names)
        if not sparse and table.num_columns:
            self._require(table.column_names, place)
        done: dict[str, pa.ChunkedArray] = {}
        if self._pinned is None:
            done = self._see(table, text, written or {}, place)
        elif added := [name for name in table.column_names if name not in self._pinned]:
            raise _new_column(self._dataset, added[0], list(self._pinned), place)
        kinds = self.kinds
        if self._used is None:
            self._used = kinds
        if self.again or kinds != self._used:
            self.again = True
            return None
        taken = self._in_kinds(table, kinds, done)
        mixed = frozenset(name for name, zones in self._zones.items() if len(zones) > 1)
        if mixed != self._mixed:
            self._mixed, self.again = mixed, True
            return None
        return taken

    def finish(self) -> None:
        """Say that everything was taken.

        Raises:
            SchemaError: when a sparse source never had a column that the declaration names.
        """
        missing = [name for name in self._wanted if name not in self._there and not may_be_absent(self._dataset, name)]
        if self._there and missing:
            raise _missing_column(self._dataset, missing, sorted(self._there), self._dataset.name)

    def _require(self, names: list[str], place: str) -> None:
        wanted = self._wanted if self._pinned is None else list(self._pinned)
        if self._pinned is None and self._used is not None:
            wanted = list(self._used)
            if differing := sorted({name for name in {*names} ^ {*wanted} if not may_be_absent(self._dataset, name)}):
                raise SchemaError(
                    f"its columns differ from those of the files before it in {', '.join(differing)}.",
                    where=place,
                    do="Declare what begins, ends or is renamed in the middle of history: since, until, was.",
                )
        others = [name for name in names if name not in wanted]
        absent = [name for name in wanted if name not in names]
        if missing := [name for name in absent if not may_be_absent(self._dataset, name) or misspelling(name, others)]:
            raise _missing_column(self._dataset, missing, names, place)

    def _see(self, table: pa.Table, text: bool, written: Mapping[str, frozenset[str]], place: str) -> dict[str, pa.ChunkedArray]:
        """Let the values narrow the kinds of their columns; returns those that were converted on the way."""
        done = {}
        absent = [name for name in self._wanted if name not in table.column_names]
        for name in [*table.column_names, *absent]:
            if name not in self._inferred:
                self._inferred[name] = self._column(name, text)
            if name in absent or (name in self._dataset.columns and not _scale_open(self._dataset, name)):
                continue
            try:
                found = self._inferred[name].see(table.column(name), written.get(name, ()))
            except ValueError as error:
                raise SchemaError(
                    f"column {name!r} holds {error}, which is not supported.",
                    where=place,
                    valid=get_args(ColumnType),
                    do="Declare its type, or drop or flatten it with prepare.",
                ) from None
            if found is not None:
                done[name] = found
        return done

    def _in_kinds(self, table: pa.Table, kinds: Mapping[str, str], done: Mapping[str, pa.ChunkedArray]) -> tuple[pa.Table, list[Finding]]:
        import pyarrow as pa

        columns, findings = {}, []
        for name, kind in kinds.items():
            stored = arrow_type(kind)
            if name not in table.column_names:
                columns[name] = pa.chunked_array([pa.nulls(table.num_rows, stored)])
            elif name in done and done[name].type == stored:
                columns[name] = done[name]
            else:
                columns[name], found = self._converted(name, table.column(name), kind)
                findings += found
        return pa.table(columns), findings

    def _converted(self, name: str, raw: pa.ChunkedArray, kind: str) -> tuple[pa.ChunkedArray, list[Finding]]:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        problems = Problems()
        column = self._declaration(name, kind)
        values = convert(raw, kind, column=column, timezone=self._dataset.timezone, problems=problems)
        self._zones.setdefault(name, set()).update(problems.zones)
        if column is None and kind in ("int64", "float64"):
            problems.add(CODE, leading_zero(raw))
        if name in self._mixed:
            problems.add(NAIVE_AMONG_ZONED, pc.and_(values.is_valid(), without_zone(raw)))
        places = [(rule, np.flatnonzero(mask)) for rule, mask in problems.found]
        return values, [Finding(name, rule, rows, raw.take(pa.array(rows))) for rule, rows in places]

    def _declaration(self, name: str, kind: str) -> SourceColumn | None:
        return self._dataset.columns.get(name)

    def _column(self, name: str, text: bool) -> Inferred:
        if _scale_open(self._dataset, name):
            return DecimalScale(self._dataset.columns[name])
        return TextColumn(self._dataset.timezone) if text else TypedColumn(key=name in self._keys)


def conform(dataset: Dataset, table: pa.Table, pinned: Mapping[str, str] | None) -> tuple[pa.Table, list[Finding], dict[str, str]]:
    """One table of typed values in its stored types, findings of what does not fit and is null in it, and the kind of each column.

    Args:
        pinned: kinds of the first ingest; None: this is the first.

    Raises:
        SchemaError: when columns are missing, or are neither declared nor pinned.
    """
    casting = Casting(dataset, pinned)
    taken = casting.take(table)
    assert taken is not None
    return *taken, casting.kinds


def column_kinds(dataset: Dataset, pinned: Mapping[str, str]) -> dict[str, str]:
    """Kinds of all columns: those that were pinned at the first ingest, with declarations over them.

    Raises:
        SchemaError: when a column was declared decimal later, without its scale.
    """
    kinds = dict(pinned)
    for name in dataset.columns:
        if not _scale_open(dataset, name):
            kinds[name] = declared_kind(dataset, name)
        elif scale_of(pinned.get(name, "")) is None:
            raise SchemaError(
                f"column {name!r} is declared decimal, but was first read as {pinned.get(name, 'something else')}.",
                where=dataset.name,
                do="Declare its scale, the digits after the point that it keeps.",
            )
    return kinds


def undeclared(dataset: Dataset) -> Dataset:
    """The data set without what it declares of its columns."""
    return dataset.model_copy(update={"columns": {}, "primary_key": (), "event_time": None, "available_at": None})


def declared_kind(dataset: Dataset, name: str) -> str:
    """The kind of a declared column whose declaration says all of it."""
    column = dataset.columns[name]
    return column.type if column.scale is None else decimal_kind(column.scale)


def declared_names(dataset: Dataset) -> list[str]:
    """Every column that the declaration names."""
    named = [*dataset.columns, *dataset.primary_key, dataset.event_time, dataset.available_at]
    return list(dict.fromkeys(name for name in named if name is not None))


def may_be_absent(dataset: Dataset, name: str) -> bool:
    """Whether a source without the column is in order, and has nulls in it: it is there in a part of history only, as is said or may be.

    A nullable column of partitions may have begun in the middle; in a table without history its absence is a mistake.
    """
    column = dataset.columns.get(name)
    if column is None:
        return False
    return column.since is not None or column.until is not None or (column.nullable and dataset.partitions is not None)


def _scale_open(dataset: Dataset, name: str) -> bool:
    column = dataset.columns.get(name)
    return column is not None and column.type == "decimal" and column.scale is None


def _renamed(dataset: Dataset, table: pa.Table, place: str) -> pa.Table:
    """Columns under their names of today.

    Raises:
        SchemaError: when a column is there under two of its names.
    """
    names = list(table.column_names)
    for name, column in dataset.columns.items():
        there = [was for was in column.was if was in names]
        if not there:
            continue
        if name in names or len(there) > 1:
            both = [*([name] if name in names else []), *there]
            raise SchemaError(
                f"columns {both[0]!r} and {both[1]!r} are both there, but {name} was called {both[1]} before.",
                where=place,
                do=f"Take {both[1]} out of `was`, or drop one of the columns with prepare.",
            )
        names[names.index(there[0])] = name
    return table.rename_columns(names) if names != table.column_names else table


def _new_column(dataset: Dataset, name: str, known: list[str], place: str) -> SchemaError:
    alike = next((other for other in known if folded(other) == folded(name)), None)
    if alike is not None:
        return SchemaError(
            f"the source has a column {name!r}, which was {alike!r} before.", where=place, do=f"Declare `{alike}: {{…, was: [{name}]}}`."
        )
    return SchemaError(
        f"the source has a new column {name!r}, which earlier partitions did not have.",
        where=place,
        do=f"Declare it in columns with the day on which it begins: `{name}: {{type: …, since: …}}`, drop it with prepare, or let go "
        f"of the pinned columns with mlops store unpin {dataset.name}.",
    )


def _missing_column(dataset: Dataset, missing: list[str], there: list[str], place: str) -> SchemaError:
    guess = nearest(missing[0], there)
    return SchemaError(
        f"the source has no column {', '.join(repr(name) for name in missing)}.",
        where=place,
        valid=there,
        do=f"Did you mean {guess!r}? Where it was called so before, declare `was`; where it ended, `until`." if guess else None,
    )
