"""The partition calendar: which stretch of time a partition key names, and how durations count in it.

Partition ``d`` covers ``[start(d), end(d))``; its as-of time is ``end(d)``. The partitions tile the line of time: where
clocks change, a day begins with its first instant, an hour that comes twice is two partitions, and one that never was is
none. All moments are zoned; keys are spelled as Dagster spells them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, wraps
from typing import Literal, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

from mlops_assets.spec.durations import Duration
from mlops_assets.spec.zones import comes_again, first_instant, offset_at, skipped_days

P = ParamSpec("P")
R = TypeVar("R")

Every = Literal["hour", "day", "week", "month"]

COARSENESS: dict[Every, int] = {"hour": 0, "day": 1, "week": 2, "month": 3}

BY: dict[Every, str] = {"hour": "hourly", "day": "daily", "week": "weekly", "month": "monthly"}
"""How a calendar of that unit is called."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_HOUR_KEY = re.compile(r"(\d{4}-\d{2}-\d{2})-(\d{2}):(\d{2})([+-]\d{4})?", re.ASCII)
_DAY_KEY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class CalendarError(ValueError):
    """A moment, key or duration that the calendar cannot say."""


def _within_years(method: Callable[P, R]) -> Callable[P, R]:
    """``method``, which says so where what it computes is beyond the years that a date can have."""

    @wraps(method)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except CalendarError:
            raise
        except (OverflowError, ValueError):
            raise CalendarError("calendars go from year 1 to 9999") from None

    return told


@dataclass(frozen=True)
class Calendar:
    """Partitions of equal unit from ``start`` on. Weeks begin on Monday, months on the 1st, in ``timezone``.

    Where ``start`` is no boundary, the first whole partition at or after it is the first one. ``end`` is the first day
    after the last partition; None: there is always a next one. Keys beyond it can be said, but are never complete.
    """

    every: Every
    start: date
    timezone: str = "UTC"
    end: date | None = None

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @cached_property
    def first_key(self) -> str:
        """Key of the first whole partition at or after ``start``."""
        instant = self._instant(self.start)
        ordinal = self._floor(instant)
        return self._key(ordinal if self._start(ordinal) == instant else ordinal + 1)

    @cached_property
    def last_key(self) -> str | None:
        """Key of the last whole partition before ``end``; None where there is no end, or no whole partition before it."""
        if self.end is None:
            return None
        key = self._key(self._floor(self._instant(self.end)) - 1)
        return key if self.contains(key) else None

    def key_of(self, moment: datetime | date) -> str:
        """Key of the partition that contains ``moment`` (a plain date means its first instant in the calendar's zone).

        Raises:
            CalendarError: for a time without a zone, and one at the very end of the years 1 to 9999.
        """
        return self._key(self._floor(self._instant(moment)))

    def start_of(self, key: str) -> datetime:
        """First instant of the partition, in UTC."""
        return self._start(self._parse(key))

    def end_of(self, key: str) -> datetime:
        """First instant after the partition, in UTC: its as-of time."""
        return self._start(self._parse(key) + 1)

    def shift(self, key: str, periods: int) -> str:
        """The key ``periods`` partitions later (earlier if negative)."""
        return self._key(self._parse(key) + periods)

    def between(self, first: str, last: str) -> list[str]:
        """All keys from ``first`` to ``last``, both included, that exist in this calendar; empty if reversed."""
        start, end = max(self._parse(first), self._parse(self.first_key)), self._parse(last)
        return [self._key(ordinal) for ordinal in range(start, end + 1)]

    def distance(self, first: str, last: str) -> int:
        """Periods from ``first`` to ``last`` (0 for the same key)."""
        return self._parse(last) - self._parse(first)

    def newest_complete(self, now: datetime) -> str | None:
        """Key of the newest partition that ended at or before ``now``; None if there is none yet."""
        key = self.shift(self.key_of(now), -1)
        if not self.contains(key):
            return None
        return key if self.exists(key) else self.last_key

    def contains(self, key: str) -> bool:
        """Whether ``key`` is spelled right and lies at or after the calendar's start."""
        try:
            return self._parse(key) >= self._parse(self.first_key)
        except CalendarError:
            return False

    def exists(self, key: str) -> bool:
        """Whether there is, or will be, such a partition: the calendar contains ``key``, and it lies before the end."""
        return self.contains(key) and (self.end is None or self.end_of(key) <= self._instant(self.end))

    def periods(self, duration: Duration) -> int:
        """How many whole periods ``duration`` is.

        Raises:
            CalendarError: when it is not a whole number of periods.
        """
        count: float
        if duration.count == 0:
            return 0
        if self.every == "month":
            if duration.unit == "month":
                return duration.count
            raise CalendarError(f"{duration} is not a whole number of months, and the calendar is monthly")
        if duration.unit == "month":
            raise CalendarError(f"{duration} is not a whole number of {self.every}s, since months differ in length")
        unit = Duration(1, self.every).seconds
        count = duration.seconds / unit
        if count != int(count):
            raise CalendarError(f"{duration} is not a whole number of {self.every}s")
        return int(count)

    @_within_years
    def _instant(self, moment: datetime | date) -> datetime:
        if not isinstance(moment, datetime):
            return first_instant(moment, self.zone)
        if moment.tzinfo is None:
            raise CalendarError(f"{moment.isoformat()} has no time zone; give one, for example {moment.isoformat()}+00:00")
        return moment.astimezone(UTC)

    @_within_years
    def _floor(self, instant: datetime) -> int:
        """Ordinal of the period that contains ``instant``: its number on an axis on which there is no gap."""
        if self.every == "hour":
            return ((instant - _EPOCH) + self._past_the_hour) // _HOUR
        ordinal = self._ordinal(instant.astimezone(self.zone).date())
        # Clocks that go back over midnight show the day before once more, which is over.
        return ordinal + 1 if instant >= self._start(ordinal + 1) else ordinal

    @_within_years
    def _start(self, ordinal: int) -> datetime:
        if self.every == "hour":
            return _EPOCH + ordinal * _HOUR - self._past_the_hour
        return first_instant(self._day(ordinal), self.zone)

    def _ordinal(self, day: date) -> int:
        """Ordinal of the day, week or month that ``day`` lies in."""
        if self.every == "month":
            return day.year * 12 + day.month - 1
        if self.every == "week":
            return (day.toordinal() - 1) // 7
        return day.toordinal() - bisect_left(skipped_days(self.zone), day)

    @_within_years
    def _day(self, ordinal: int) -> date:
        """First day of the day, week or month of that ordinal."""
        if self.every == "month":
            return date(ordinal // 12, ordinal % 12 + 1, 1)
        if self.every == "week":
            return date.fromordinal(7 * ordinal + 1)
        day = date.fromordinal(ordinal)
        for skipped in skipped_days(self.zone):
            day += (skipped <= day) * _DAY
        return day

    @cached_property
    def _past_the_hour(self) -> timedelta:
        """By how much less than an hour the clocks are ahead of the hours of UTC, when the calendar begins."""
        return offset_at(self._instant(self.start), self.zone) % _HOUR

    @_within_years
    def _key(self, ordinal: int) -> str:
        if self.every != "hour":
            return self._day(ordinal).isoformat()
        local = self._start(ordinal).astimezone(self.zone)
        return f"{local:%Y-%m-%d-%H:%M%z}" if comes_again(local) else f"{local:%Y-%m-%d-%H:%M}"

    def _parse(self, key: str) -> int:
        ordinal = self._spelled(key)
        if ordinal is None or self._key(ordinal) != key:
            raise CalendarError(f"{key!r} is not a partition of this {BY[self.every]} calendar; keys look like {self.first_key}")
        return ordinal

    def _spelled(self, key: str) -> int | None:
        """Ordinal of what ``key`` may name; None where it is spelled otherwise."""
        match = (_HOUR_KEY if self.every == "hour" else _DAY_KEY).fullmatch(key)
        try:
            if match is None:
                return None
            if self.every != "hour":
                return self._ordinal(date.fromisoformat(key))
            day, hour, minute, offset = match.groups()
            moment = datetime.fromisoformat(f"{day}T{hour}:{minute}{offset or ''}")
            return self._floor(moment.astimezone(UTC) if offset else moment.replace(tzinfo=self.zone).astimezone(UTC))
        except (ValueError, OverflowError):
            return None
