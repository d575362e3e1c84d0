"""Turning values as a source gives them into moments and dates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.data.schema.arrays import attempt, is_text, where
from mlops_assets.data.schema.cells import Cell, one_by_one, read_cells
from mlops_assets.data.schema.clock import localized, shown_clock
from mlops_assets.data.schema.iso_text import FINER, FIRST, LAST, OUTSIDE, iso_moment
from mlops_assets.data.schema.numeric import is_number
from mlops_assets.data.schema.problems import Problems, refuse
from mlops_assets.data.schema.time_formats import counted_moments, formatted_moment
from mlops_assets.spec.columns import EPOCHS

if TYPE_CHECKING:
    import pyarrow as pa

NAIVE_AMONG_ZONED = "time without a zone among zoned ones"
TIME_OF_DAY = "type date: has a time of day"

_DAYS = (FIRST // 86_400_000_000, LAST // 86_400_000_000)
_ZONED = r":.*([zZ]|[+-][0-9]{1,2}:?([0-9]{2})?)$"


@dataclass(frozen=True)
class _Read:
    """Cells as times: those without a zone on their own clock, and moments. Each cell has at most one; None: no cell has any."""

    naive: pa.ChunkedArray | None
    moments: pa.ChunkedArray | None


def to_datetime(values: pa.ChunkedArray, form: str | None, timezone: str, problems: Problems) -> pa.ChunkedArray:
    """Moments in UTC, by the declared format ``form`` or as ISO 8601; naive ones and dates are read in ``timezone``.

    Digits finer than a microsecond, times such as 24:00:00 or 23:59:60 and years beyond 1 to 9999 do not fit.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    rule, wanted = "type datetime", pa.timestamp("us", tz="UTC")
    read = _read(values, form, rule, problems)
    if read is None:
        return refuse(values, wanted, rule, problems)
    if read.naive is None:
        return read.moments if read.moments is not None else pa.chunked_array([pa.nulls(len(values), wanted)])
    moments = _within_years(localized(read.naive, timezone), f"{rule}: {OUTSIDE}", problems)
    return moments if read.moments is None else pc.coalesce(moments, read.moments)


def to_date(values: pa.ChunkedArray, form: str | None, timezone: str, problems: Problems) -> pa.ChunkedArray:
    """Dates; a time must be midnight, a moment midnight in ``timezone``, since its time of day would be lost."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rule, wanted = "type date", pa.date32()
    if is_text(values.type) and form is None and (done := _plain_dates(values)) is not None:
        return done
    if pa.types.is_date32(values.type) and _all_within(values.cast(pa.int32()), *_DAYS):
        return values
    read = _read(values, form, rule, problems)
    if read is None:
        return refuse(values, wanted, rule, problems)
    days = []
    if read.naive is not None:
        days.append(_days(read.naive, problems, lambda day: pc.equal(day, read.naive)))
    if (moments := read.moments) is not None:
        local = shown_clock(moments, timezone)
        days.append(_days(local, problems, lambda day: pc.or_(pc.equal(day, local), pc.equal(localized(day, timezone), moments))))
    return pc.coalesce(*days) if days else pa.chunked_array([pa.nulls(len(values), wanted)])


def without_zone(values: pa.ChunkedArray) -> Any:
    """Which ISO texts name no zone: a mask over the rows."""
    import pyarrow.compute as pc

    return pc.and_(values.is_valid(), pc.invert(pc.match_substring_regex(values, _ZONED)))


def _read(values: pa.ChunkedArray, form: str | None, rule: str, problems: Problems) -> _Read | None:
    """The times of the cells; None where values of this type are none."""
    import pyarrow as pa

    kind = values.type
    if pa.types.is_timestamp(kind):
        micros = _in_microseconds(values, rule, problems)
        return _Read(None, micros.cast(pa.timestamp("us", tz="UTC"))) if kind.tz else _Read(micros, None)
    if pa.types.is_date(kind):
        moments = values.cast(pa.timestamp("s")) if pa.types.is_date32(kind) else values.cast(pa.int64()).cast(pa.timestamp("ms"))
        return _Read(_in_microseconds(moments, rule, problems), None)
    if form in EPOCHS:
        known = is_text(kind) or (is_number(kind) and not pa.types.is_boolean(kind))
        return _Read(None, counted_moments(values, str(form), problems)) if known else None
    if pa.types.is_integer(kind) and form is not None:
        values = values.cast(pa.string())
    if not is_text(values.type):
        return None
    return _read_text(values, form, rule, problems)


def _read_text(values: pa.ChunkedArray, form: str | None, rule: str, problems: Problems) -> _Read:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.struct({"naive": pa.timestamp("us"), "moment": pa.timestamp("us", tz="UTC")})
    if form is not None:
        array, broken = one_by_one(values, kind, _told_apart(lambda text: formatted_moment(text, form)))
        for said, rows in broken.items():
            problems.add(said, where(rows, len(values)))
        both = pa.chunked_array([array])
    elif (naive := _plain_naive(values)) is not None:
        problems.zones |= {False} if naive.null_count < len(naive) else set()
        return _Read(naive, None)
    elif (moments := _plain_moments(values)) is not None:
        problems.zones.add(True)
        return _Read(None, moments)
    else:
        both = read_cells(values, kind, whole=_plain_times, cell=_told_apart(lambda text: iso_moment(text, rule)), problems=problems)
    clocks, instants = pc.struct_field(both, "naive"), pc.struct_field(both, "moment")
    found = {False: clocks.null_count < len(clocks), True: instants.null_count < len(instants)}
    if form is None:
        problems.zones |= {zoned for zoned, some in found.items() if some}
    return _Read(clocks if found[False] else None, instants if found[True] else None)


def _told_apart(read: Callable[[str], tuple[int, bool]]) -> Cell:
    """The rule of a text's time, with what it gives as a naive time or as a moment; a text of nothing is missing."""

    def cell(text: str) -> dict[str, int] | None:
        if not text or (found := read(text)) is None:
            return None
        count, zoned = found
        return {"moment" if zoned else "naive": count}

    return cell


def _plain_naive(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    import pyarrow as pa

    done = attempt(values, pa.timestamp("us"))
    return done if done is not None and _all_within(done.cast(pa.int64()), FIRST, LAST) else None


def _plain_moments(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    import pyarrow as pa

    done = attempt(values, pa.timestamp("us", tz="UTC"))
    return done if done is not None and _all_within(done.cast(pa.int64()), FIRST, LAST) else None


def _plain_times(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Text that is naive throughout, or zoned throughout, as both at once."""
    import pyarrow as pa

    naive = _plain_naive(values)
    moments = None if naive is not None else _plain_moments(values)
    if naive is None and moments is None:
        return None
    empty_naive, empty_moments = (pa.nulls(len(values), kind) for kind in (pa.timestamp("us"), pa.timestamp("us", tz="UTC")))
    parts = [
        empty_naive if naive is None else naive.combine_chunks(),
        empty_moments if moments is None else moments.combine_chunks(),
    ]
    return pa.chunked_array([pa.StructArray.from_arrays(parts, ["naive", "moment"])])


def _plain_dates(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    import pyarrow as pa

    done = attempt(values, pa.date32())
    return done if done is not None and _all_within(done.cast(pa.int32()), *_DAYS) else None


def _in_microseconds(values: pa.ChunkedArray, rule: str, problems: Problems) -> pa.ChunkedArray:
    """Timestamps of any unit as those of microseconds, in their zone; what they cannot say exactly is null and noted."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    wanted = pa.timestamp("us", tz=kind.tz)
    if kind.unit == "ns":
        done = attempt(values, wanted)
        if done is not None:
            return done
        counts = values.cast(pa.int64()).cast(pa.timestamp("ns"))
        whole = pc.equal(pc.floor_temporal(counts, unit="microsecond"), counts)
        problems.add(f"{rule}: {FINER}", pc.invert(whole))
        return pc.if_else(whole, values, None).cast(wanted)
    factor = {"s": 1_000_000, "ms": 1_000, "us": 1}[kind.unit]
    counts = values.cast(pa.int64())
    low, high = -(-FIRST // factor), LAST // factor
    if not _all_within(counts, low, high):
        fits = pc.and_(pc.greater_equal(counts, low), pc.less_equal(counts, high))
        problems.add(f"{rule}: {OUTSIDE}", pc.invert(fits))
        values = pc.if_else(fits, values, None)
    return values.cast(wanted)


def _within_years(moments: pa.ChunkedArray, rule: str, problems: Problems) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    counts = moments.cast(pa.int64())
    if _all_within(counts, FIRST, LAST):
        return moments
    fits = pc.and_(pc.greater_equal(counts, FIRST), pc.less_equal(counts, LAST))
    problems.add(rule, pc.invert(fits))
    return pc.if_else(fits, moments, None)


def _days(local: pa.ChunkedArray, problems: Problems, is_whole: Callable[[Any], Any]) -> pa.ChunkedArray:
    """The days of times on a clock, for those that are a whole day."""
    import pyarrow as pa
    import pyarrow.compute as pc

    local = _within_years(local, f"type date: {OUTSIDE}", problems)
    days = pc.floor_temporal(local, unit="day")
    whole = is_whole(days)
    problems.add(TIME_OF_DAY, pc.invert(whole))
    return pc.if_else(whole, days, None).cast(pa.date32())


def _all_within(counts: pa.ChunkedArray, low: int, high: int) -> bool:
    import pyarrow.compute as pc

    found = pc.min_max(counts).as_py()
    return found["min"] is None or (low <= found["min"] and found["max"] <= high)
