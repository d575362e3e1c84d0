"""From text to types: a column gets its declared type, or the one that all its values fit; else it stays text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.data.schema.conversion import convert
from mlops_assets.data.schema.problems import Problems

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.columns import ColumnType
    from mlops_assets.spec.dataset import Dataset

_INFERRED: tuple[ColumnType, ...] = ("int64", "float64", "bool", "date", "datetime")
_LEADING_ZERO = r"^[+-]?0[0-9]"


def typed_where_it_fits(text: pa.Table, dataset: Dataset, *, strip: bool) -> pa.Table:
    """Columns of text as the declared types, and undeclared ones as the first type that fits every value.

    A column with a value that does not fit stays text, so that validation can name the value.
    """
    import pyarrow as pa

    columns = {}
    for name, values in zip(text.column_names, text.columns, strict=True):
        if strip:
            values = stripped(values)
        declared = dataset.columns.get(name)
        if declared is None:
            columns[name] = inferred(values, dataset.timezone)
            continue
        if declared.type == "decimal":
            columns[name] = values
            continue
        problems = Problems()
        typed = convert(values, declared.type, column=declared, timezone=dataset.timezone, problems=problems)
        columns[name] = values if problems.found or len(problems.zones) > 1 else typed
    return pa.table(columns) if columns else text


def stripped(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without white space around it; what is then empty is missing."""
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def inferred(values: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    """Text as the first of int64, float64, bool (true/false), date, datetime (ISO) that fits every value; else text.

    Digits with leading zeros are codes, not numbers. A column without any value has no type yet.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.null_count == len(values):
        return pa.chunked_array([pa.nulls(len(values))])
    first = next(value for value in values.slice(0, len(values)) if value.is_valid).as_py()
    for kind in _INFERRED:
        if kind in ("int64", "float64") and not _numeric_start(first):
            continue
        if kind == "bool" and first.lower() not in ("true", "false"):
            continue
        if kind in ("date", "datetime") and not (len(first) >= 8 and first[:4].isdigit()):
            continue
        if kind == "date" and pc.any(pc.match_substring(values, ":")).as_py():
            continue
        problems = Problems()
        typed = convert(values, kind, column=None, timezone=timezone, problems=problems)
        if problems.found or len(problems.zones) > 1:
            continue
        if kind in ("int64", "float64") and pc.any(pc.match_substring_regex(values, _LEADING_ZERO)).as_py():
            return values
        if kind == "float64" and pc.any(pc.match_substring_regex(values, r"(?i)[a-df-z_]")).as_py():
            return values
        return typed
    return values


def _numeric_start(first: str) -> bool:
    return first[:1].isdigit() or first[:1] in "+-."
