"""Column types and the Arrow types that stand for them.

Stored types are int64, double, ``decimal128(38, scale)``, string, bool, ``timestamp[us, tz=UTC]`` and date32; a category is stored as text.
The kind of a column is its column type, for a decimal with the digits that it keeps after the point: ``decimal(2)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.columns import ColumnType

PRECISION = 38
"""Digits of a stored decimal, before and after the point."""


def decimal_kind(scale: int) -> str:
    """The kind of a decimal column that keeps ``scale`` digits after the point."""
    return f"decimal({scale})"


def scale_of(kind: str) -> int | None:
    """Digits after the point of a decimal kind; None for any other."""
    return int(kind[8:-1]) if kind.startswith("decimal(") else None


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type in which a column of this kind is stored."""
    import pyarrow as pa

    if (digits := scale_of(kind)) is not None:
        return pa.decimal128(PRECISION, digits)
    types = {
        "int64": pa.int64(),
        "float64": pa.float64(),
        "string": pa.string(),
        "category": pa.string(),
        "bool": pa.bool_(),
        "datetime": pa.timestamp("us", tz="UTC"),
        "date": pa.date32(),
    }
    return types[kind]


def column_type(kind: pa.DataType) -> ColumnType | None:
    """The column type that values of an Arrow type get undeclared; None for nested and other types that are not supported."""
    import pyarrow as pa

    t = pa.types
    if t.is_dictionary(kind):
        return column_type(kind.value_type)
    if t.is_integer(kind):
        return "int64"
    if t.is_floating(kind) or t.is_decimal(kind) or t.is_null(kind):
        return "float64"
    if t.is_boolean(kind):
        return "bool"
    if t.is_timestamp(kind):
        return "datetime"
    if t.is_date(kind):
        return "date"
    if t.is_string(kind) or t.is_large_string(kind) or t.is_string_view(kind):
        return "string"
    return None
