"""Dates of the contacts, which the publisher left out: the rows stand in the order of time, and each names its month and weekday."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FIRST_YEAR = 2008
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def add_dates(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace `month` by `contacted_on`.

    A new year begins where the month goes down, so year and month are sure. Within a month a new day begins where the
    weekday changes; it gets the earliest date that falls on that weekday and after the day before, so a day is right but
    for weeks in which nobody was called.

    Raises:
        ValueError: for a month or weekday of another name, and for more days than the month has: the rows are then not in order.
    """
    days: list[date] = []
    year, month, weekday = FIRST_YEAR, 0, -1
    current = date(FIRST_YEAR, 1, 1)
    for month_name, weekday_name in zip(frame["month"], frame["day_of_week"], strict=True):
        this_month, this_weekday = MONTHS.index(month_name) + 1, WEEKDAYS.index(weekday_name)
        if this_month != month or this_weekday != weekday:
            year += this_month < month
            following = current + timedelta(days=1) if this_month == month else date(year, this_month, 1)
            current = following + timedelta(days=(this_weekday - following.weekday()) % 7)
            if current.month != this_month:
                raise ValueError(f"row {len(days)}: no {weekday_name} is left in {month_name} {year}; the rows are not in order of time")
            month, weekday = this_month, this_weekday
        days.append(current)
    return frame.drop(columns="month").assign(contacted_on=days)
