"""What a feature query or function gave back, checked and brought into the form in which it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from mlops_assets.data.schema.arrow_types import arrow_type
from mlops_assets.data.schema.numeric import nearest_floats
from mlops_assets.errors import MlopsError, nearest
from mlops_assets.spec.columns import Column, ColumnType
from mlops_assets.spec.entity_keys import EXACT

if TYPE_CHECKING:
    import pyarrow as pa

FeatureType = ColumnType
FEATURE_TYPES: tuple[FeatureType, ...] = tuple(kind for kind in get_args(FeatureType) if kind != "decimal")
RESERVED = "__"


class FeatureError(MlopsError):
    """Feature rows that cannot be stored: wrong columns, types or keys."""


@dataclass(frozen=True)
class Feature:
    """One column of a model's input: its name and logical type. A category is text that takes few values."""

    name: str
    type: FeatureType

    def to_json(self) -> dict[str, str]:
        return {"name": self.name, "type": self.type}


def conform(
    table: pa.Table,
    *,
    entity: Sequence[str],
    where: str,
    private: bool,
    kind: str = "feature",
) -> pa.Table:
    """One row per entity, sorted by it, with the storage types int64, double, string, bool, timestamp[us, UTC] and date32.

    Other integers become int64, decimals the nearest double, other floats double, NaN null; naive moments are read as UTC. A key of
    whole floats or decimals becomes int64: a missing value somewhere made numbers of it that no look-up would find.

    Args:
        table: as the query or function gave it.
        entity: key columns, which come first in the result.
        where: for messages.
        private: the key is personal data and must not stand in a message.
        kind: what a row is called in messages.

    Raises:
        FeatureError: a key column is missing, null or a number with a fraction, two rows have one key, a column has a name or type that
            cannot be stored.
    """
    import pyarrow as pa

    names = table.column_names
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise FeatureError(f"two columns are called {repeated[0]!r}.", where=where, do="Give each column a name of its own with AS.")
    for key in entity:
        if key not in names:
            guess = nearest(key, names)
            do = f"Did you mean to call {guess!r} {key!r}?" if guess else f"Return {key} as a column."
            raise FeatureError(f"the result has no entity column {key!r}; it has {', '.join(names) or 'none'}.", where=where, do=do)
    if reserved := [name for name in names if name.startswith(RESERVED)]:
        raise FeatureError(f"the column name {reserved[0]!r} is reserved.", where=where, do="Names that begin with __ are taken.")
    ordered = [*entity, *(name for name in names if name not in entity)]
    columns = [_stored(_key(table.column(name), name, where) if name in entity else table.column(name), name, where) for name in ordered]
    result = pa.table(dict(zip(ordered, columns, strict=True)))
    _no_null_keys(result, entity, where)
    result = result.sort_by([(key, "ascending") for key in entity]).combine_chunks()
    _one_row_each(result, entity, where, private, kind)
    return result


def with_floats(table: pa.Table, names: Iterable[str]) -> pa.Table:
    """The table with columns ``names`` as the nearest floats where they are decimals, since models learn from floats."""
    import pyarrow as pa

    for name in dict.fromkeys(names):
        if pa.types.is_decimal((column := table.column(name)).type):
            table = table.set_column(table.column_names.index(name), name, nearest_floats(column))
    return table


def declared_types(table: pa.Table, columns: Mapping[str, Column], *, where: str) -> pa.Table:
    """Cast declared columns to their declared types.

    Raises:
        FeatureError: a declared column is missing, or a value does not fit its type.
    """
    for name, column in columns.items():
        if name not in table.column_names:
            guess = nearest(name, table.column_names)
            do = f"Did you mean {guess!r}?" if guess else "Return it, or remove its declaration."
            raise FeatureError(f"the declared column {name!r} is not in the result.", where=where, do=do)
        table = cast_column(table, name, str(arrow_type(column.type)), where=where, reason="it is declared so")
        if not column.nullable and (missing := table.column(name).null_count):
            raise FeatureError(
                f"{name} is missing in {missing} of {table.num_rows} rows.", where=where, do=f"Declare {name} nullable, or fill it."
            )
    return table


def cast_column(table: pa.Table, name: str, target: str, *, where: str, reason: str) -> pa.Table:
    """``name`` as Arrow type ``target``, if no value is lost by that.

    Raises:
        FeatureError: when values would be lost.
    """
    import pyarrow as pa

    arrow = {str(stored): stored for stored in map(arrow_type, FEATURE_TYPES)}[target]
    column = table.column(name)
    if column.type == arrow:
        return table
    lossless = (pa.types.is_integer(column.type) and arrow == pa.float64()) or pa.types.is_null(column.type)
    whole = pa.types.is_floating(column.type) and arrow == pa.int64()
    midnight = pa.types.is_date(column.type) and pa.types.is_timestamp(arrow)
    if lossless or whole or midnight:
        try:
            return table.set_column(table.column_names.index(name), name, column.cast(arrow))
        except pa.ArrowInvalid:
            pass
    raise FeatureError(f"{name} is {column.type}, but must be {target}, since {reason}.", where=where, do=f"Cast it to {target}.")


def feature_type(arrow: pa.DataType, *, category: bool = False) -> FeatureType:
    """Logical type of a stored column; ``category`` where text is known to take few values.

    Raises:
        ValueError: for a type that no feature can have.
    """
    import pyarrow as pa

    if pa.types.is_dictionary(arrow):
        return "category"
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
        return "category" if category else "string"
    if pa.types.is_boolean(arrow):
        return "bool"
    if pa.types.is_integer(arrow):
        return "int64"
    if pa.types.is_floating(arrow) or pa.types.is_decimal(arrow):
        return "float64"
    if pa.types.is_timestamp(arrow):
        return "datetime"
    if pa.types.is_date(arrow):
        return "date"
    raise ValueError(f"{arrow} is no type of a feature; valid are {', '.join(FEATURE_TYPES)}")


def entity_text(table: pa.Table, entity: Iterable[str], row: int, private: bool) -> str:
    """How a message names one entity: ``customer_id=7``, or only the key's name where it is personal data."""
    if private:
        return f"one {' and '.join(entity)} (personal data, not shown)"
    return ", ".join(f"{key}={table.column(key)[row].as_py()!r}" for key in entity)


def _key(column: pa.ChunkedArray, name: str, where: str) -> pa.ChunkedArray:
    """A key column, with whole floats and decimals as int64."""
    import pyarrow as pa
    import pyarrow.compute as pc

    floating = pa.types.is_floating(column.type)
    if not floating and not pa.types.is_decimal(column.type):
        return column
    do = f"Cast {name} to bigint or to varchar in the query."
    if floating:
        column = column.cast(pa.float64())
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        if pc.any(pc.greater(pc.abs(column), float(EXACT))).as_py():
            raise FeatureError(f"the entity column {name!r} holds floats beyond 2^53, which are no exact numbers.", where=where, do=do)
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        found = f"the entity column {name!r} holds {column.type} values that are no whole numbers of 64 bit; no look-up finds such a key."
        raise FeatureError(found, where=where, do=do) from None


def _stored(column: pa.ChunkedArray, name: str, where: str) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    try:
        if pa.types.is_null(kind):
            return column
        target = arrow_type(feature_type(kind))
        if pa.types.is_timestamp(kind) and kind.tz is None:
            column = pc.assume_timezone(column, "UTC")
        elif pa.types.is_timestamp(kind) and kind.unit == "ns":
            column = column.cast(pa.timestamp("us", kind.tz), safe=False)
        column = nearest_floats(column) if pa.types.is_decimal(kind) else column.cast(target)
    except ValueError as error:
        raise FeatureError(
            f"the column {name!r} has the type {kind}, which no feature can have.",
            where=where,
            valid=FEATURE_TYPES,
            do=f"Cast it. ({error})" if pa.types.is_integer(kind) else "Cast it.",
        ) from None
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return column


def _no_null_keys(table: pa.Table, entity: Sequence[str], where: str) -> None:
    for key in entity:
        if missing := table.column(key).null_count:
            raise FeatureError(
                f"the entity column {key!r} is missing in {missing} of {table.num_rows} rows.",
                where=where,
                do=f"Leave such rows out, for example: where {key} is not null.",
            )


def _one_row_each(table: pa.Table, entity: Sequence[str], where: str, private: bool, kind: str) -> None:
    import pyarrow.compute as pc

    if table.num_rows < 2:
        return
    same = None
    for key in entity:
        column = table.column(key)
        equal = pc.equal(column.slice(1), column.slice(0, table.num_rows - 1))
        same = equal if same is None else pc.and_(same, equal)
    count = pc.sum(same).as_py() or 0
    if count:
        row = pc.index(same, True).as_py()
        raise FeatureError(
            f"{count} {kind} row{'s' if count > 1 else ''} too many: {entity_text(table, entity, row, private)} has more than one.",
            where=where,
            do=f"Return one row for each {', '.join(entity)}, for example with GROUP BY.",
        )
