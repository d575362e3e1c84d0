"""Whether a declared calendar says exactly which partitions it has: its start and end are boundaries, and Dagster can follow its clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mlops_assets.spec.calendar import Calendar, CalendarError, Every
from mlops_assets.spec.zones import HORIZON, changes, first_instant, offset_at, skipped_days

_BEGIN: dict[Every, str] = {"week": "weeks begin on Monday", "month": "months begin on the 1st"}
_HOUR = timedelta(hours=1)


def start_mistake(every: Every, start: date) -> str | None:
    """Why no partition begins with the day ``start``, and the nearest days with which one does; None where one does."""
    nearest = _nearest(every, start)
    if nearest is None:
        return None
    before, after = nearest
    return (
        f"{_is_no(every, start, before)}; the nearest starts are {before} and {after} "
        f"(start: {after} leaves the partitions that are there as they are: it is the first whole {every})"
    )


def end_mistake(every: Every, end: date, start: date | None) -> str | None:
    """Why no partition ends before the day ``end``, and the nearest days before which one does; None where one does.

    ``start`` is that of the calendar, None where it is not known.
    """
    if nearest := _nearest(every, end):
        before, after = nearest
        return (
            f"{_is_no(every, end, before)}, and end is the first day after the last partition; the nearest ends are {before} and {after} "
            f"(end: {before} leaves the partitions that are there as they are: the {every} that ends before it is the last whole one)"
        )
    if start is not None and end <= start:
        return f"end {end} is not after start {start}, so that there is no partition; end is the first day after the last one"
    return None


def zone_mistake(every: Every, start: date, end: date | None, timezone: str) -> str | None:
    """Why Dagster, which decides what partitions there are, cannot say those of this calendar; None where it can.

    Dagster counts hours without regard to clocks that change by a part of an hour, and has a partition for a day that never was.
    """
    zone = ZoneInfo(timezone)
    try:
        first = first_instant(start, zone)
        last = HORIZON if end is None else first_instant(end, zone)
    except (OverflowError, CalendarError):
        return f"the calendar from {start} to {end} is not within the years 1 to 9999"
    if every == "hour":
        if uneven := _uneven(zone, first, last):
            later = f", or begin after {uneven[-1]}" if uneven[-1].year < HORIZON.year - 2 else ""
            return (
                f"the clocks of {timezone} change by a part of an hour on {uneven[0]}, so that hours before and after do not line up; "
                f"write timezone: UTC{later}"
            )
    elif every == "day":
        for day in skipped_days(zone):
            if start <= day and (end is None or day < end):
                return f"{day} never was in {timezone}, which changed sides of the date line; write timezone: UTC, or begin after it"
    return None


def _uneven(zone: ZoneInfo, first: datetime, last: datetime) -> list[date]:
    """Local days in ``(first, last)`` on which the clocks change by a part of an hour."""
    before, days = offset_at(first, zone), []
    for change in changes(zone, first, last):
        after = offset_at(change, zone)
        if (after - before) % _HOUR and change < last:
            days.append(change.astimezone(zone).date())
        before = after
    return days


def _nearest(every: Every, day: date) -> tuple[date, date] | None:
    """The boundaries before and after ``day``; None where it is one."""
    if every not in _BEGIN:
        return None
    calendar = Calendar(every, day)
    key = calendar.key_of(datetime.combine(day, time(), UTC))
    before, after = (date.fromisoformat(k) for k in (key, calendar.shift(key, 1)))
    return None if before == day else (before, after)


def _is_no(every: Every, day: date, before: date) -> str:
    number = (day - before).days + 1
    what = f"a {day:%A}" if every == "week" else f"day {number} of its month"
    return f"{day} is {what}, but {_BEGIN[every]}"
