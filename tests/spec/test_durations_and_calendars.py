"""Durations and the partition calendar, as properties."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.spec.calendar import Calendar, CalendarError
from mlops_assets.spec.durations import Duration

calendars = st.builds(
    Calendar,
    st.sampled_from(["hour", "day", "week", "month"]),
    st.dates(date(2000, 1, 1), date(2030, 12, 31)),
    st.sampled_from(["UTC", "Asia/Kolkata", "Asia/Tokyo"]),
)
zoned_days = st.builds(
    Calendar,
    st.sampled_from(["day", "week", "month"]),
    st.dates(date(2000, 1, 1), date(2030, 12, 31)),
    st.sampled_from(["Europe/Berlin", "America/New_York"]),
)
moments = st.datetimes(datetime(2001, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC))
units = st.sampled_from(["s", "min", "h", "d", "w", "months", "years", "Days", "month"])


@given(st.integers(0, 10_000), units, st.sampled_from(["", " ", "  "]))
def test_a_duration_reads_back_what_it_writes(count: int, unit: str, space: str) -> None:
    duration = Duration.parse(f"{count}{space}{unit}")
    assert Duration.parse(str(duration)) == duration


@pytest.mark.parametrize("text", ["", "7", "d", "-3d", "1.5d", "3 fortnights", "7d7", "P7D"])
def test_anything_else_is_no_duration_and_the_message_says_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="30m, 12h, 7d"):
        Duration.parse(text)


@given(st.one_of(calendars, zoned_days), moments)
def test_every_moment_lies_in_exactly_its_partition(calendar: Calendar, moment: datetime) -> None:
    key = calendar.key_of(moment)
    assert calendar.start_of(key) <= moment < calendar.end_of(key)
    assert calendar.end_of(key) == calendar.start_of(calendar.shift(key, 1))


@given(st.one_of(calendars, zoned_days), moments, st.integers(-500, 500))
def test_shifting_and_distance_are_inverse(calendar: Calendar, moment: datetime, periods: int) -> None:
    key = calendar.key_of(moment)
    assert calendar.distance(key, calendar.shift(key, periods)) == periods


@given(calendars, st.integers(0, 40), st.integers(0, 40))
def test_a_range_has_every_key_once_and_none_before_the_start(calendar: Calendar, first: int, length: int) -> None:
    start = calendar.shift(calendar.first_key, first - 20)
    keys = calendar.between(start, calendar.shift(start, length))
    assert keys == sorted(set(keys), key=calendar.start_of)
    assert all(calendar.contains(key) for key in keys)
    assert len(keys) == max(0, min(length + 1, length + 1 + first - 20))


@given(calendars, moments)
def test_the_newest_complete_partition_has_ended_and_the_next_one_has_not(calendar: Calendar, now: datetime) -> None:
    key = calendar.newest_complete(now)
    if key is None:
        assert now < calendar.end_of(calendar.first_key)
    else:
        assert calendar.end_of(key) <= now < calendar.end_of(calendar.shift(key, 1))


@given(st.integers(1, 500))
def test_whole_periods_count_and_anything_else_is_refused(count: int) -> None:
    day, week, month = (Calendar(every, date(2024, 1, 1)) for every in ("day", "week", "month"))
    assert day.periods(Duration(count, "week")) == 7 * count
    assert week.periods(Duration(7 * count, "day")) == count
    assert month.periods(Duration(count, "month")) == count
    with pytest.raises(CalendarError, match="whole number of weeks"):
        week.periods(Duration(7 * count + 1, "day"))
    with pytest.raises(CalendarError, match="whole number of months"):
        month.periods(Duration(count, "day"))
    with pytest.raises(CalendarError, match="differ in length"):
        day.periods(Duration(count, "month"))


def test_nothing_is_no_period_in_any_calendar() -> None:
    for every in ("hour", "day", "week", "month"):
        assert Calendar(every, date(2024, 1, 1)).periods(Duration.parse("0d")) == 0


def test_a_day_of_summer_time_has_23_hours() -> None:
    berlin = Calendar("day", date(2024, 1, 1), "Europe/Berlin")
    assert berlin.end_of("2024-03-31") - berlin.start_of("2024-03-31") == timedelta(hours=23)
