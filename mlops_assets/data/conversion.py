"""Turning values as a source gives them into the declared type, with a mask of those that do not fit.

Stored types are int64, double, string, bool, ``timestamp[us, tz=UTC]`` and date32; a category is stored as text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.spec.columns import Column, ColumnType

TRUE_WORDS = ("true", "t", "yes", "y", "1", "1.0")
FALSE_WORDS = ("false", "f", "no", "n", "0", "0.0")

NAIVE_AMONG_ZONED = "time without a zone among zoned ones"

_INTEGER = r"^[+-]?[0-9]{1,19}(\.0*)?$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^[+-]?(?i:inf|infinity)$"
_NOT_A_NUMBER = r"^[+-]?(?i:nan)$"
_ZONED = r"([zZ]|[+-][0-9]{2}:?([0-9]{2})?)$"


@dataclass
class Problems:
    """Which values do not fit, by rule: boolean masks over the rows."""

    found: list[tuple[str, np.ndarray]] = field(default_factory=list)

    def add(self, rule: str, mask: Any) -> None:
        """Note the rows of a boolean Arrow array (null counts as false), if there are any."""
        import pyarrow as pa
        import pyarrow.compute as pc

        flat = mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask
        rows = pc.fill_null(flat, False).to_numpy(zero_copy_only=False)
        if rows.any():
            self.found.append((rule, rows))


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


def convert(values: pa.ChunkedArray, kind: ColumnType, *, column: Column | None, timezone: str, problems: Problems) -> pa.ChunkedArray:
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
        converted = _to_datetime(values, column.format if column else None, timezone, problems)
    elif kind == "date":
        converted = _to_date(values, column.format if column else None, timezone, problems)
    else:
        converted = _to_text(values, problems)
    if missing and kind in ("int64", "float64"):
        converted = _without(converted, missing)
    if kind == "float64" and pc.any(pc.is_nan(converted)).as_py():
        converted = pc.if_else(pc.is_nan(converted), None, converted)
    return converted if isinstance(converted, pa.ChunkedArray) else pa.chunked_array([converted])


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind))


def _without(values: pa.ChunkedArray, missing: tuple[Any, ...]) -> pa.ChunkedArray:
    """Values with the ones that mean missing as null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if _is_text(values.type):
        unwanted = pa.array([str(value) for value in missing])
    elif pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        numbers = [float(value) for value in missing if isinstance(value, int | float) and not isinstance(value, bool)]
        fitting = [value for value in numbers if not pa.types.is_integer(values.type) or value.is_integer()]
        unwanted = pa.array(fitting, pa.float64()).cast(values.type)
    else:
        return values
    return pc.if_else(pc.is_in(values, value_set=unwanted), None, values) if len(unwanted) else values


def _attempt(values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray | None:
    import pyarrow as pa

    try:
        return values.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _refuse(values: pa.ChunkedArray, wanted: pa.DataType, rule: str, problems: Problems) -> pa.ChunkedArray:
    """All values of a type that cannot be converted at all."""
    import pyarrow as pa

    problems.add(rule, values.is_valid())
    return pa.chunked_array([pa.nulls(len(values), wanted)])


def _to_integer(values: pa.ChunkedArray, problems: Problems) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    rule = "type int64"
    if (done := _attempt(values, pa.int64())) is not None and not pa.types.is_temporal(values.type):
        return done
    if _is_text(values.type):
        absent = pc.match_substring_regex(values, _NOT_A_NUMBER)
        plain = pc.replace_substring_regex(values, r"\.0*$", "")
        fits = pc.and_(pc.match_substring_regex(values, _INTEGER), pc.invert(absent))
        problems.add(rule, pc.and_(pc.invert(fits), pc.invert(absent)))
        chosen = pc.if_else(fits, plain, None)
        if (done := _attempt(chosen, pa.int64())) is not None:
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
    return _refuse(values, pa.int64(), rule, problems)


def _to_float(values: pa.ChunkedArray, problems: Problems) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return values.cast(pa.float64(), safe=False)
    if pa.types.is_boolean(kind):
        return values.cast(pa.int8()).cast(pa.float64())
    if not _is_text(kind):
        return _refuse(values, pa.float64(), "type float64", problems)
    if (done := _attempt(values, pa.float64())) is not None:
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
    if not (_is_text(values.type) or pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return _refuse(values, pa.bool_(), "type bool", problems)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    if _is_text(values.type):
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

    if _is_text(values.type):
        return values
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
        if pc.all(pc.and_(pc.equal(values, pc.floor(values)), pc.less(pc.abs(values), 2.0**53))).as_py():
            values = values.cast(pa.int64())
    done = _attempt(values, pa.string())
    return _refuse(values, pa.string(), "type string", problems) if done is None else done


def _to_datetime(values: pa.ChunkedArray, form: str | None, timezone: str, problems: Problems) -> pa.ChunkedArray:
    import pyarrow as pa

    kind = values.type
    wanted = pa.timestamp("us", tz="UTC")
    if pa.types.is_timestamp(kind):
        moments = values.cast(pa.timestamp("us", tz=kind.tz), safe=False)
        return moments.cast(wanted) if kind.tz else _localized(moments, timezone)
    if pa.types.is_date(kind):
        return _localized(values.cast(pa.timestamp("us")), timezone)
    if not _is_text(kind):
        return _refuse(values, wanted, "type datetime", problems)
    if form is not None:
        return _parsed(values, form, timezone, problems)
    if (naive := _attempt(values, pa.timestamp("us"))) is not None:
        return _localized(naive, timezone)
    if (zoned := _attempt(values, wanted)) is not None:
        return zoned
    return _mixed(values, timezone, problems)


def _localized(naive: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.assume_timezone(naive, timezone, ambiguous="earliest", nonexistent="latest").cast(pa.timestamp("us", tz="UTC"))


def _mixed(values: pa.ChunkedArray, timezone: str, problems: Problems) -> pa.ChunkedArray:
    """ISO text of which some is no time, or which mixes naive and zoned times: the naive ones are read in ``timezone`` and named.

    With their time they belong to a partition, whose rule they break; without one they would belong to none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    has_time = pc.match_substring(values, ":")
    zoned = pc.and_(has_time, pc.match_substring_regex(values, _ZONED))
    moments = pa.chunked_array([_iso(pc.if_else(zoned, values, None), zoned=True)])
    naive = _localized(pa.chunked_array([_iso(pc.if_else(zoned, None, values), zoned=False)]), timezone)
    problems.add("type datetime", pc.and_(values.is_valid(), pc.and_(moments.is_null(), naive.is_null())))
    if moments.null_count < len(moments) and naive.null_count < len(naive):
        problems.add(NAIVE_AMONG_ZONED, naive.is_valid())
    return pc.coalesce(moments, naive)


def _iso(values: pa.ChunkedArray, *, zoned: bool) -> pa.Array:
    """ISO 8601 text as timestamps; null where it is none."""
    import pandas as pd
    import pyarrow as pa

    parsed = pd.to_datetime(values.to_pandas(), format="ISO8601", errors="coerce", utc=zoned)
    return pa.Array.from_pandas(parsed, type=pa.timestamp("us", tz="UTC" if zoned else None), safe=False)


def _parsed(values: pa.ChunkedArray, form: str, timezone: str, problems: Problems) -> pa.ChunkedArray:
    """Text in a declared strptime format; each distinct text is parsed once."""
    import pyarrow as pa

    encoded = values.combine_chunks().dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    distinct = [_strptime(text, form) for text in encoded.dictionary.to_pylist()]
    zoned = "%z" in form
    moments = pa.array(distinct, pa.timestamp("us", tz="UTC" if zoned else None)).take(encoded.indices)
    problems.add(f"format {form}", pa.compute.and_(values.is_valid(), pa.chunked_array([moments.is_null()])))
    chunked = pa.chunked_array([moments])
    return chunked if zoned else _localized(chunked, timezone)


def _strptime(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None


def _to_date(values: pa.ChunkedArray, form: str | None, timezone: str, problems: Problems) -> pa.ChunkedArray:
    """Dates; a time becomes its date in ``timezone``."""
    import pyarrow as pa

    wanted = pa.date32()
    if pa.types.is_date(values.type):
        return values.cast(wanted)
    if _is_text(values.type) and form is None and (done := _attempt(values, wanted)) is not None:
        return done
    if not (pa.types.is_timestamp(values.type) or _is_text(values.type)):
        return _refuse(values, wanted, "type date", problems)
    inner = Problems()
    moments = _to_datetime(values, form, timezone, inner)
    for rule, mask in inner.found:
        problems.add(rule.replace("datetime", "date"), pa.array(mask))
    return moments.cast(pa.timestamp("us", tz=timezone)).cast(wanted, safe=False)
