"""Column types and the Arrow types that stand for them.

Stored types are int64, double, string, bool, ``timestamp[us, tz=UTC]`` and date32; a category is stored as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.columns import ColumnType


def arrow_type(kind: ColumnType) -> pa.DataType:
    """The Arrow type in which a column type is stored."""
    import pyarrow as pa

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
