"""Turning values as a source gives them into the declared type, with a mask of those that do not fit.

Each cell is read by the one rule of its column's type, whatever the other cells are: nothing is rounded, cut off or guessed.
What cannot be stored as it is does not fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mlops_assets.data.schema.arrays import is_text
from mlops_assets.data.schema.arrow_types import arrow_type, scale_of
from mlops_assets.data.schema.numeric import is_number, to_decimal, to_float, to_integer, without_nan
from mlops_assets.data.schema.problems import Problems, refuse
from mlops_assets.data.schema.sentinels import as_values, as_written, without
from mlops_assets.data.schema.texts import to_text
from mlops_assets.data.schema.times import to_date, to_datetime

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.columns import Column

TEXTS = ("string", "category")
TRUE_WORDS = ("true", "t", "yes", "y", "1", "1.0")
FALSE_WORDS = ("false", "f", "no", "n", "0", "0.0")


def convert(values: pa.ChunkedArray, kind: str, *, column: Column | None, timezone: str, problems: Problems) -> pa.ChunkedArray:
    """Values as ``kind``; what does not fit becomes null and is noted in ``problems``.

    Args:
        values: as the source gives them.
        kind: wanted type, for a decimal with its digits: ``decimal(2)``. Floats that are whole become int64; text such as yes/no,
            true/false, 1/0 becomes bool. A text of nothing is missing, but for text.
        column: its declaration, for `missing`, `format` and the marks of numbers; None for an undeclared column.
        timezone: zone of naive times. Times that a clock change repeats are read as the first of the two, and times
            that it skips as the moment of the change.
        problems: gets a mask for each rule that is broken.
    """
    values = _in_common_type(values)
    missing = column.missing if column else ()
    if missing:
        values = without(values, as_written(missing, values.type))
    converted = _typed(values, kind, column, timezone, problems)
    if missing and not (kind in TEXTS and (is_text(values.type) or is_number(values.type))):
        converted = without(converted, typed_scalars(missing, kind, column, timezone))
    return converted


def typed_scalars(named: Iterable[Any], kind: str, column: Column | None, timezone: str) -> pa.Array:
    """Values that a definition names in the stored type of ``kind``, exactly; those that it cannot hold are left out."""
    import pyarrow as pa

    if kind in TEXTS:
        return pa.array([str(value) for value in named], pa.string())
    return as_values(named, kind, lambda values, problems: _typed(values, kind, column, timezone, problems))


def _typed(values: pa.ChunkedArray, kind: str, column: Column | None, timezone: str, problems: Problems) -> pa.ChunkedArray:
    import pyarrow as pa

    if pa.types.is_null(values.type):
        return values.cast(arrow_type(kind))
    form = column.format if column else None
    if (scale := scale_of(kind)) is not None:
        converted = to_decimal(values, scale, column, problems)
    elif kind == "int64":
        converted = to_integer(values, column, problems)
    elif kind == "float64":
        converted = to_float(values, column, problems)
    elif kind == "bool":
        converted = _to_bool(values, problems)
    elif kind == "datetime":
        converted = to_datetime(values, form, timezone, problems)
    elif kind == "date":
        converted = to_date(values, form, timezone, problems)
    elif kind in TEXTS:
        converted = to_text(values, problems)
    else:
        raise ValueError(f"{kind} is no kind of a stored column")
    return converted if isinstance(converted, pa.ChunkedArray) else pa.chunked_array([converted])


def _in_common_type(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values without the forms that change nothing of them: dictionaries, wider text, narrower floats and decimals."""
    import pyarrow as pa

    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
        kind = values.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.string())
    if pa.types.is_float16(kind):
        return values.cast(pa.float32())
    if pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind):
        return values.cast(pa.decimal128(kind.precision, kind.scale))
    return values


def _to_bool(values: pa.ChunkedArray, problems: Problems) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    rule = "type bool"
    if pa.types.is_boolean(values.type):
        return values
    if is_text(values.type):
        words = pc.utf8_lower(values)
        true, false = (pc.is_in(words, value_set=pa.array(known)) for known in (TRUE_WORDS, FALSE_WORDS))
        if pc.any(pc.equal(words, "")).as_py():
            values = without(values, pa.array([""]))
    elif is_number(values.type):
        values = without_nan(values)
        numbers = values if pa.types.is_floating(values.type) else to_integer(values, None, Problems())
        true, false = (pc.fill_null(pc.equal(numbers, known), False) for known in (1, 0))
    else:
        return refuse(values, pa.bool_(), rule, problems)
    known = pc.or_(true, false)
    problems.add(rule, pc.and_(values.is_valid(), pc.invert(known)))
    return pc.if_else(pc.and_(values.is_valid(), known), true, None)
