"""Time zones as a calendar meets them: the first instant of a day, days that never were, and changes of the offset from UTC."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)

_STANDARD = datetime(1900, 1, 1, tzinfo=UTC)

HORIZON = datetime(2038, 1, 1, tzinfo=UTC)
"""Changes of the clocks are looked for up to here; later ones follow the rule of the years before."""


@lru_cache(maxsize=8192)
def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC: the first of two midnights, and the end of a gap in which midnight lies.

    A day that the zone skipped begins when the next one does.

    Raises:
        OverflowError: at the very ends of the years 1 and 9999.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    first, later = (midnight.replace(fold=fold) - _offset(midnight.replace(fold=fold)) for fold in (0, 1))
    if first <= later:
        return first.replace(tzinfo=UTC)
    return _change(later.replace(tzinfo=UTC), first.replace(tzinfo=UTC), zone)


@cache
def skipped_days(zone: ZoneInfo) -> tuple[date, ...]:
    """Local days that never were, since the zone changed to the other side of the date line; in order of time."""
    skipped = []
    for change in changes(zone, _STANDARD, HORIZON, least=timedelta(hours=12)):
        before, after = (change - _SECOND).astimezone(zone).date(), change.astimezone(zone).date()
        skipped += [before + number * _DAY for number in range(1, (after - before).days)]
    return tuple(skipped)


def changes(zone: ZoneInfo, start: datetime, end: datetime, least: timedelta = _SECOND) -> Iterator[datetime]:
    """The instants in ``(start, end]`` at which the offset from UTC changes by ``least`` or more, in UTC and in order of time."""
    before = start
    while before < end:
        after = min(before + _WEEK, end)
        if abs(offset_at(before, zone) - offset_at(after, zone)) >= least:
            yield _change(before, after, zone)
        before = after


def offset_at(moment: datetime, zone: ZoneInfo) -> timedelta:
    """What the clocks of the zone are ahead of UTC at ``moment``."""
    return _offset(moment.astimezone(zone))


def comes_again(local: datetime) -> bool:
    """Whether the clocks showed this local time once before, an hour or so ago."""
    return bool(local.fold) and _offset(local.replace(fold=0)) > _offset(local)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first instant in ``(before, after]`` with the offset that ``after`` has; the offset changes once in between, at a full second."""
    offset = offset_at(after, zone)
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        before, after = (before, middle) if offset_at(middle, zone) == offset else (middle, after)
    return after


def _offset(moment: datetime) -> timedelta:
    offset = moment.utcoffset()
    assert offset is not None
    return offset
