"""Turning values as a source gives them into the declared type, with a mask of those that do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.data.schema.arrays import attempt, is_text
from mlops_assets.data.schema.arrow_types import arrow_type
from mlops_assets.data.schema.problems import Problems, refuse
from mlops_assets.data.schema.times import to_date, to_datetime

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.columns import Column

TRUE_WORDS = ("true", "t", "yes", "y", "1", "1.0")
FALSE_WORDS = ("false", "f", "no", "n", "0", "0.0")

_INTEGER = r"^[+-]?[0-9]{1,19}(\.0*)?$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^[+-]?(?i:inf|infinity)$"
_NOT_A_NUMBER = r"^[+-]?(?i:nan)$"


def convert(values: pa.ChunkedArray, kind: str, *, column: Column | None, timezone: str, problems: Problems) -> pa.ChunkedArray:
    """Values as ``kind``; what does not fit becomes null and is noted in ``problems``.

    Args:
        values: as the source gives them.
        kind: wanted type. Floats that are whole become int64; text such as yes/no, true/false, 1/0 becomes bool.
        column: its declaration, for `missing` and `format`; None for an undeclared column.
        timezone: zone of naive times. Times that a clock change repeats are read as the first of the two, and times
            that it skips as the moment of the change.
        problems: gets a mask for each rule that is broken.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    missing = column.missing if column else ()
    if missing:
        values = _without(values, missing)
    wanted = arrow_type(kind)
    if pa.types.is_null(values.type):
        return values.cast(wanted)
    if kind == "int64":
        converted = _to_integer(values, problems)
    elif kind == "float64":
        converted = _to_float(values, problems)
    elif kind == "bool":
        converted = _to_bool(values, problems)
    elif kind == "datetime":
        converted = to_datetime(values, column.format if column else None, timezone, problems)
    elif kind == "date":
        converted = to_date(values, column.format if column else None, timezone, problems)
    else:
        converted = _to_text(values, problems)
    if missing and kind in ("int64", "float64"):
        converted = _without(converted, missing)
    if kind == "float64" and pc.any(pc.is_nan(converted)).as_py():
        converted = pc.if_else(pc.is_nan(converted), None, converted)
    return converted if isinstance(converted, pa.ChunkedArray) else pa.chunked_array([converted])


def _without(values: pa.ChunkedArray, missing: tuple[Any, ...]) -> pa.ChunkedArray:
    """Values with the ones that mean missing as null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if is_text(values.type):
        unwanted = pa.array([str(value) for value in missing])
    elif pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        numbers = [float(value) for value in missing if isinstance(value, int | float) and not isinstance(value, bool)]
        fitting = [value for value in numbers if not pa.types.is_integer(values.type) or value.is_integer()]
        unwanted = pa.array(fitting, pa.float64()).cast(values.type)
    else:
        return values
    return pc.if_else(pc.is_in(values, value_set=unwanted), None, values) if len(unwanted) else values


def _to_integer(values: pa.ChunkedArray, problems: Problems) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    rule = "type int64"
    if (done := attempt(values, pa.int64())) is not None and not pa.types.is_temporal(values.type):
        return done
    if is_text(values.type):
        absent = pc.match_substring_regex(values, _NOT_A_NUMBER)
        plain = pc.replace_substring_regex(values, r"\.0*$", "")
        fits = pc.and_(pc.match_substring_regex(values, _INTEGER), pc.invert(absent))
        problems.add(rule, pc.and_(pc.invert(fits), pc.invert(absent)))
        chosen = pc.if_else(fits, plain, None)
        if (done := attempt(chosen, pa.int64())) is not None:
            return done
        short = pc.less_equal(pc.utf8_length(chosen), 18)
        problems.add(rule, pc.invert(short))
        return pc.if_else(short, chosen, None).cast(pa.int64())
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64())
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
        whole = pc.and_(pc.equal(values, pc.floor(values)), pc.less(pc.abs(values), 2.0**63))
        problems.add(rule, pc.invert(whole))
        return pc.if_else(whole, values, None).cast(pa.int64(), safe=False)
    if pa.types.is_integer(values.type):
        fits = pc.less_equal(values, pa.scalar(2**63 - 1, values.type))
        problems.add(rule, pc.invert(fits))
        return pc.if_else(fits, values, None).cast(pa.int64())
    return refuse(values, pa.int64(), rule, problems)


def _to_float(values: pa.ChunkedArray, problems: Problems) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return values.cast(pa.float64(), safe=False)
    if pa.types.is_boolean(kind):
        return values.cast(pa.int8()).cast(pa.float64())
    if not is_text(kind):
        return refuse(values, pa.float64(), "type float64", problems)
    if (done := attempt(values, pa.float64())) is not None:
        return done
    absent = pc.match_substring_regex(values, _NOT_A_NUMBER)
    fits = pc.match_substring_regex(values, _NUMBER)
    problems.add("type float64", pc.and_(pc.invert(fits), pc.invert(absent)))
    unsigned = pc.replace_substring_regex(pc.if_else(fits, values, None), r"^\+", "")
    return unsigned.cast(pa.float64())


def _to_bool(values: pa.ChunkedArray, problems: Problems) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(values.type):
        return values
    if not (is_text(values.type) or pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return refuse(values, pa.bool_(), "type bool", problems)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    if is_text(values.type):
        words = pc.utf8_lower(values)
        true, false = (pc.is_in(words, value_set=pa.array(known)) for known in (TRUE_WORDS, FALSE_WORDS))
    else:
        true, false = pc.equal(values, 1), pc.equal(values, 0)
    known = pc.or_(true, false)
    problems.add("type bool", pc.and_(values.is_valid(), pc.invert(known)))
    return pc.if_else(pc.and_(values.is_valid(), known), true, None)


def _to_text(values: pa.ChunkedArray, problems: Problems) -> pa.ChunkedArray:
    """Text of any plain value; whole floats without their ``.0``, since a missing value makes floats of integers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if is_text(values.type):
        return values
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
        if pc.all(pc.and_(pc.equal(values, pc.floor(values)), pc.less(pc.abs(values), 2.0**53))).as_py():
            values = values.cast(pa.int64())
    done = attempt(values, pa.string())
    return refuse(values, pa.string(), "type string", problems) if done is None else done
