"""Turning values as a source gives them into moments and dates."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mlops_assets.data.schema.arrays import attempt, encoded, is_text
from mlops_assets.data.schema.problems import Problems, refuse

if TYPE_CHECKING:
    import pyarrow as pa

NAIVE_AMONG_ZONED = "time without a zone among zoned ones"

_ZONED = r"([zZ]|[+-][0-9]{2}:?([0-9]{2})?)$"


def to_datetime(values: pa.ChunkedArray, form: str | None, timezone: str, problems: Problems) -> pa.ChunkedArray:
    """Moments in UTC, by the declared format ``form`` or as ISO 8601; naive ones and dates are read in ``timezone``."""
    import pyarrow as pa

    kind = values.type
    wanted = pa.timestamp("us", tz="UTC")
    if pa.types.is_timestamp(kind):
        moments = values.cast(pa.timestamp("us", tz=kind.tz), safe=False)
        return moments.cast(wanted) if kind.tz else localized(moments, timezone)
    if pa.types.is_date(kind):
        return localized(values.cast(pa.timestamp("us")), timezone)
    if not is_text(kind):
        return refuse(values, wanted, "type datetime", problems)
    if form is not None:
        return _parsed(values, form, timezone, problems)
    if (naive := attempt(values, pa.timestamp("us"))) is not None:
        return localized(naive, timezone)
    if (zoned := attempt(values, wanted)) is not None:
        return zoned
    return _mixed(values, timezone, problems)


def to_date(values: pa.ChunkedArray, form: str | None, timezone: str, problems: Problems) -> pa.ChunkedArray:
    """Dates; a time becomes its date in ``timezone``."""
    import pyarrow as pa

    wanted = pa.date32()
    if pa.types.is_date(values.type):
        return values.cast(wanted)
    if is_text(values.type) and form is None and (done := attempt(values, wanted)) is not None:
        return done
    if not (pa.types.is_timestamp(values.type) or is_text(values.type)):
        return refuse(values, wanted, "type date", problems)
    inner = Problems()
    moments = to_datetime(values, form, timezone, inner)
    for rule, mask in inner.found:
        problems.add(rule.replace("datetime", "date"), pa.array(mask))
    return moments.cast(pa.timestamp("us", tz=timezone)).cast(wanted, safe=False)


def localized(naive: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    """Naive times of a zone as moments in UTC; of times that a clock change repeats the first, for those that it skips the change."""
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
    naive = localized(pa.chunked_array([_iso(pc.if_else(zoned, None, values), zoned=False)]), timezone)
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
    import pyarrow.compute as pc

    texts = encoded(values)
    distinct = [_strptime(text, form) for text in texts.dictionary.to_pylist()]
    zoned = "%z" in form
    moments = pa.array(distinct, pa.timestamp("us", tz="UTC" if zoned else None)).take(texts.indices)
    problems.add(f"format {form}", pc.and_(values.is_valid(), pa.chunked_array([moments.is_null()])))
    chunked = pa.chunked_array([moments])
    return chunked if zoned else localized(chunked, timezone)


def _strptime(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None
