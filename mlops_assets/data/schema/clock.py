"""What the clock of a zone shows at a moment, and which moment a time on it means.

Arrow reads a zone's changes from a table that ends with 2037, and keeps the last offset from then on; later times are read by their rule.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mlops_assets.data.schema.cells import one_by_one

if TYPE_CHECKING:
    import pyarrow as pa

_US = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1)
_TABLE_ENDS = (datetime(2037, 1, 1) - _EPOCH) // _US


def localized(naive: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    """Naive times of a zone as moments in UTC; of times that a clock change repeats the first, for those that it skips the change."""
    import pyarrow as pa
    import pyarrow.compute as pc

    zone, wanted = ZoneInfo(timezone), pa.timestamp("us", tz="UTC")

    def by_table(times: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.assume_timezone(times, timezone, ambiguous="earliest", nonexistent="latest").cast(wanted)

    return _early_and_late(naive, wanted, by_table, lambda count: count - _offset_of(count, zone))


def shown_clock(moments: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    """Moments in UTC as naive times of a zone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    zone = ZoneInfo(timezone)

    def by_table(times: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.local_timestamp(times.cast(pa.timestamp("us", tz=timezone)))

    return _early_and_late(moments, pa.timestamp("us"), by_table, lambda count: count + _offset_at(count, zone))


def _early_and_late(
    times: pa.ChunkedArray, wanted: pa.DataType, by_table: Callable[[pa.ChunkedArray], pa.ChunkedArray], by_rule: Callable[[int], int]
) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    counts = times.cast(pa.int64())
    newest = pc.max(counts).as_py()
    if newest is None or newest < _TABLE_ENDS:
        return by_table(times)
    late = pc.greater_equal(counts, _TABLE_ENDS)
    read, _ = one_by_one(pc.if_else(late, counts, None), pa.int64(), by_rule)
    return pc.coalesce(by_table(pc.if_else(late, None, times)), read.cast(wanted))


def _offset_of(count: int, zone: ZoneInfo) -> int:
    """What a naive time is before UTC, in microseconds."""
    clock = _EPOCH + count * _US
    before, after = (_microseconds(clock.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    if before >= after:
        return before
    low, high = count - after, count - before
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset_at(middle, zone) == after else (middle + 1, high)
    return count - low


def _offset_at(count: int, zone: ZoneInfo) -> int:
    """What the zone's clock is before UTC at a moment, in microseconds; at the last hours of the year 9999 as at noon."""
    moment = (_EPOCH + count * _US).replace(tzinfo=UTC)
    try:
        return _microseconds(moment.astimezone(zone))
    except OverflowError:
        return _microseconds((moment - timedelta(days=2)).astimezone(zone))


def _microseconds(moment: datetime) -> int:
    offset = moment.utcoffset()
    assert offset is not None
    return offset // _US
