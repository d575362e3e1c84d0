"""What moves all customers at once: the day of the week, the time of the year, campaigns, the hour."""

from __future__ import annotations

import math
from datetime import date, timedelta

WEEKDAYS = (0.95, 0.92, 0.95, 1.0, 1.1, 1.15, 0.93)
"""Order rate from Monday to Sunday."""

HOURS = (2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 10, 11, 10, 9, 9, 10, 12, 14, 16, 16, 13, 8, 4)
"""Order rate by hour of the day, UTC."""

YEARLY_AMPLITUDE = 0.08
YEARLY_PEAK = 335
"""Day of the year around which most is ordered: early December."""


def rate(day: date) -> float:
    """Factor on every customer's order rate on that day; about 1 over a year."""
    yearly = 1 + YEARLY_AMPLITUDE * math.cos(2 * math.pi * (day.timetuple().tm_yday - YEARLY_PEAK) / 365.25)
    return WEEKDAYS[day.weekday()] * yearly * (1.35 if campaign(day) else 1.0)


def discount(day: date) -> float:
    """Factor on every amount on that day: campaigns sell more for less."""
    return 0.9 if campaign(day) else 1.0


def campaign(day: date) -> str | None:
    """Name of the campaign that runs on that day, if one does."""
    black_friday = _nth_friday_of_november(day.year)
    runs = {
        "spring": (date(day.year, 3, 10), 7),
        "summer": (date(day.year, 7, 1), 10),
        "black week": (black_friday - timedelta(days=4), 8),
    }
    return next((name for name, (first, days) in runs.items() if first <= day < first + timedelta(days=days)), None)


def _nth_friday_of_november(year: int, n: int = 4) -> date:
    first = date(year, 11, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 7 * (n - 1))
