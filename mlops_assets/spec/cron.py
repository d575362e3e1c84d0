"""Schedules: cron expressions of five fields, and the words that stand for the common ones."""

from __future__ import annotations

import re

WORDS = {"hourly": "5 * * * *", "daily": "15 0 * * *", "weekly": "15 0 * * 1", "monthly": "15 0 1 * *"}
"""``hourly`` and so on: shortly after the period ends, so that its rows are there."""

AFTER_PERIOD = {"hour": WORDS["hourly"], "day": WORDS["daily"], "week": WORDS["weekly"], "month": WORDS["monthly"]}
"""Default schedule of new partitions, by calendar unit."""

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of week", 0, 7, dict(zip(_DAYS, range(7), strict=True))),
)
_STEP = re.compile(r"(?P<range>[^/]+)(?:/(?P<step>\d+))?")


def expand(schedule: str) -> str:
    """The cron expression that ``schedule`` means."""
    return WORDS.get(schedule.strip().lower().removeprefix("@"), schedule)


def cron_mistake(schedule: str) -> str | None:
    """What is wrong with a schedule; None if it is right."""
    text = schedule.strip()
    if text.lower().removeprefix("@") in WORDS:
        return None
    parts = text.lower().split()
    if len(parts) != len(_FIELDS):
        return f"{schedule!r} is no schedule; write five cron fields such as '0 6 * * 1', or {', '.join(WORDS)}"
    for part, (name, low, high, names) in zip(parts, _FIELDS, strict=True):
        for item in part.split(","):
            match = _STEP.fullmatch(item)
            if match is None or match["step"] == "0" or not _in_range(match["range"], low, high, names):
                return f"{schedule!r}: {item!r} is no {name} of a cron expression; valid are {low} to {high}, *, a-b and */n"
    return None


def _in_range(text: str, low: int, high: int, names: dict[str, int]) -> bool:
    if text == "*":
        return True
    ends = [names.get(end, int(end) if end.isdigit() else -1) for end in text.split("-", 1)]
    return all(low <= end <= high for end in ends) and ends[0] <= ends[-1]
