"""The partition calendar: which stretch of time a partition key names, and how durations count in it.

Partition ``d`` covers ``[start(d), end(d))``; its as-of time is ``end(d)``. All moments are zoned; keys are
spelled as Dagster spells them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

from mlops_assets.spec.durations import Duration

Every = Literal["hour", "day", "week", "month"]

COARSENESS: dict[Every, int] = {"hour": 0, "day": 1, "week": 2, "month": 3}


class CalendarError(ValueError):
    """A moment, key or duration that the calendar cannot say."""


@dataclass(frozen=True)
class Calendar:
    """Partitions of equal unit from ``start`` on. Weeks begin on Monday, months on the 1st, in ``timezone``."""

    every: Every
    start: date
    timezone: str = "UTC"

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @cached_property
    def first_key(self) -> str:
        """Key of the first whole partition at or after ``start``."""
        origin = datetime(self.start.year, self.start.month, self.start.day, tzinfo=self.zone)
        floor = self._floor(origin)
        return self._key(floor if floor == origin else self._step(floor, 1))

    def key_of(self, moment: datetime | date) -> str:
        """Key of the partition that contains ``moment`` (a plain date means its first instant in the calendar's zone)."""
        return self._key(self._floor(self._local(moment)))

    def start_of(self, key: str) -> datetime:
        """First instant of the partition, in UTC."""
        return self._parse(key).astimezone(UTC)

    def end_of(self, key: str) -> datetime:
        """First instant after the partition, in UTC: its as-of time."""
        return self._step(self._parse(key), 1).astimezone(UTC)

    def shift(self, key: str, periods: int) -> str:
        """The key ``periods`` partitions later (earlier if negative)."""
        return self._key(self._step(self._parse(key), periods))

    def between(self, first: str, last: str) -> list[str]:
        """All keys from ``first`` to ``last``, both included, that exist in this calendar; empty if reversed."""
        moment, end, floor = self._parse(first), self._parse(last), self._parse(self.first_key)
        if moment < floor:
            moment = floor
        keys = []
        while moment <= end:
            keys.append(self._key(moment))
            moment = self._step(moment, 1)
        return keys

    def distance(self, first: str, last: str) -> int:
        """Periods from ``first`` to ``last`` (0 for the same key)."""
        a, b = self._parse(first), self._parse(last)
        if self.every == "month":
            return (b.year - a.year) * 12 + b.month - a.month
        if self.every == "hour":
            return int((b.astimezone(UTC) - a.astimezone(UTC)) / timedelta(hours=1))
        days = (b.date() - a.date()).days
        return days if self.every == "day" else days // 7

    def newest_complete(self, now: datetime) -> str | None:
        """Key of the newest partition that ended at or before ``now``; None if there is none yet."""
        key = self.shift(self.key_of(now), -1)
        return key if self._parse(key) >= self._parse(self.first_key) else None

    def contains(self, key: str) -> bool:
        """Whether ``key`` is spelled right and lies at or after the calendar's start."""
        try:
            return self._parse(key) >= self._parse(self.first_key)
        except CalendarError:
            return False

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

    def _local(self, moment: datetime | date) -> datetime:
        if not isinstance(moment, datetime):
            return datetime(moment.year, moment.month, moment.day, tzinfo=self.zone)
        if moment.tzinfo is None:
            raise CalendarError(f"{moment.isoformat()} has no time zone; give one, for example {moment.isoformat()}+00:00")
        return moment.astimezone(self.zone)

    def _floor(self, local: datetime) -> datetime:
        if self.every == "hour":
            return local.replace(minute=0, second=0, microsecond=0)
        day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if self.every == "week":
            return day - timedelta(days=day.weekday())
        return day.replace(day=1) if self.every == "month" else day

    def _step(self, local: datetime, periods: int) -> datetime:
        if self.every == "hour":
            return (local.astimezone(UTC) + timedelta(hours=periods)).astimezone(self.zone)
        if self.every == "month":
            months = local.year * 12 + local.month - 1 + periods
            return local.replace(year=months // 12, month=months % 12 + 1)
        return local + timedelta(days=periods * (7 if self.every == "week" else 1))

    def _key(self, local: datetime) -> str:
        day = local.date().isoformat()
        return f"{day}-{local.hour:02}:{local.minute:02}" if self.every == "hour" else day

    def _parse(self, key: str) -> datetime:
        try:
            moment = datetime.fromisoformat(f"{key[:10]}T{key[11:]}" if self.every == "hour" else key).replace(tzinfo=self.zone)
        except ValueError:
            moment = None
        if moment is None or self._key(moment) != key:
            example = self._key(datetime(2026, 1, 1))
            raise CalendarError(f"{key!r} is not a partition of this {self.every}ly calendar; keys look like {example}")
        return moment
