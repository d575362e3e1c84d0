"""Lengths of time as people write them: ``30m 12h 7d 2w 3 months 1 year``."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

Unit = Literal["second", "minute", "hour", "day", "week", "month"]

_SPELLINGS: dict[str, tuple[Unit, int]] = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), ("second", 1)),
    **dict.fromkeys(("m", "min", "minute", "minutes"), ("minute", 1)),
    **dict.fromkeys(("h", "hour", "hours"), ("hour", 1)),
    **dict.fromkeys(("d", "day", "days"), ("day", 1)),
    **dict.fromkeys(("w", "week", "weeks"), ("week", 1)),
    **dict.fromkeys(("month", "months"), ("month", 1)),
    **dict.fromkeys(("y", "year", "years"), ("month", 12)),
}
_SECONDS: dict[Unit, int] = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_WRITTEN: dict[Unit, str] = {"second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w"}
_PATTERN = re.compile(r"^\s*(\d+)\s*([A-Za-z]+)\s*$")

VALID = "a whole number and a unit: 30m, 12h, 7d, 2w, 3 months, 1 year"


@dataclass(frozen=True)
class Duration:
    """``count`` units of time. Months are calendar months and have no fixed number of seconds."""

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read ``7d`` or ``3 months``.

        Raises:
            ValueError: for anything else, naming what is valid.
        """
        match = _PATTERN.match(text)
        if match is None or match.group(2).lower() not in _SPELLINGS:
            raise ValueError(f"{text!r} is not a duration; write {VALID}")
        unit, factor = _SPELLINGS[match.group(2).lower()]
        return cls(int(match.group(1)) * factor, unit)

    @property
    def seconds(self) -> int:
        """Length in seconds.

        Raises:
            ValueError: for months, whose length depends on the calendar.
        """
        if self.unit == "month":
            raise ValueError(f"{self} has no fixed length in seconds")
        return self.count * _SECONDS[self.unit]

    @property
    def timedelta(self) -> timedelta:
        """The same length as a :class:`datetime.timedelta`; months raise ``ValueError``."""
        return timedelta(seconds=self.seconds)

    def after(self, moment: datetime, times: int = 1) -> datetime:
        """``moment`` plus ``times`` of this; a month later is the same day, or the month's last one where it has none such."""
        if self.unit != "month":
            return moment + times * self.timedelta
        year, month = divmod(moment.year * 12 + moment.month - 1 + times * self.count, 12)
        return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))

    def __str__(self) -> str:
        if self.unit == "month":
            return f"{self.count} month{'' if self.count == 1 else 's'}"
        return f"{self.count}{_WRITTEN[self.unit]}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def _validate(cls, value: Any) -> Duration:
        if isinstance(value, Duration):
            return value
        if isinstance(value, str):
            return cls.parse(value)
        raise ValueError(f"{value!r} is not a duration; write {VALID}")


Positive = Annotated[Duration, "longer than zero"]
