"""Dagster has the partitions that the calendar has, key by key and window by window, in nights when clocks change; else it is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from mlops_assets.components.graph import partitions_definition
from mlops_assets.components.ranges import ranges
from mlops_assets.spec.boundaries import zone_mistake
from mlops_assets.spec.calendar import Calendar

LATER = datetime(2037, 1, 1, tzinfo=UTC)
NIGHTS = [
    ("Europe/Berlin", date(2024, 3, 31)),
    ("Europe/Berlin", date(2024, 10, 27)),
    ("America/New_York", date(2024, 3, 10)),
    ("America/New_York", date(2024, 11, 3)),
    ("America/St_Johns", date(2024, 11, 3)),
    ("America/St_Johns", date(2010, 11, 7)),
    ("Asia/Kolkata", date(2024, 10, 27)),
    ("Asia/Beirut", date(2024, 3, 31)),
    ("Asia/Beirut", date(2024, 10, 27)),
    ("Africa/Cairo", date(2024, 4, 26)),
    ("Africa/Cairo", date(2024, 11, 1)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("America/Sao_Paulo", date(2018, 2, 18)),
    ("America/Havana", date(2024, 3, 10)),
    ("America/Havana", date(2024, 11, 3)),
    ("Atlantic/Azores", date(2024, 10, 27)),
    ("America/Santiago", date(2024, 9, 8)),
    ("Antarctica/Troll", date(2024, 3, 31)),
    ("Pacific/Chatham", date(2024, 4, 7)),
    ("Australia/Lord_Howe", date(2024, 4, 7)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Apia", date(2012, 1, 10)),
]


def around(every: str, zone: str, night: date) -> Calendar:
    """A calendar of some partitions before and after a night."""
    days = {"hour": 2, "day": 4, "week": 40, "month": 200}[every]
    wide = Calendar(every, night - timedelta(days=days), zone)  # type: ignore[arg-type]
    start, end = (wide.start_of(wide.key_of(day)).astimezone(wide.zone).date() for day in (wide.start, night + timedelta(days=days)))
    return Calendar(every, start, zone, end)  # type: ignore[arg-type]


@pytest.mark.parametrize("every", ["hour", "day", "week", "month"])
@pytest.mark.parametrize(("zone", "night"), NIGHTS)
def test_dagster_has_the_same_partitions_or_the_calendar_is_refused(every: str, zone: str, night: date) -> None:
    calendar = around(every, zone, night)
    definition = partitions_definition(calendar)
    assert definition is not None
    ours = calendar.between(calendar.first_key, str(calendar.last_key))
    theirs = list(definition.get_partition_keys(current_time=LATER))
    windows = {key: definition.time_window_for_partition_key(key) for key in theirs}
    same = theirs == ours and all(
        (window.start.astimezone(UTC), window.end.astimezone(UTC)) == (calendar.start_of(key), calendar.end_of(key))
        for key, window in windows.items()
    )
    odd = (zone, every) in {("Australia/Lord_Howe", "hour"), ("Pacific/Apia", "day")} and night != date(2012, 1, 10)
    refused = zone_mistake(calendar.every, calendar.start, calendar.end, zone)
    assert (refused is not None) == odd
    assert same or odd


def test_what_is_refused_is_not_what_dagster_has() -> None:
    apia = around("day", "Pacific/Apia", date(2011, 12, 30))
    definition = partitions_definition(apia)
    assert definition is not None
    assert set(definition.get_partition_keys(current_time=LATER)) - set(apia.between(apia.first_key, str(apia.last_key))) == {"2011-12-30"}


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        ("Europe/Berlin", "2024-10-27-01:00", "2024-10-27-04:00"),
        ("America/New_York", "2024-11-03-00:00", "2024-11-03-03:00"),
        ("Africa/Cairo", "2024-04-25-22:00", "2024-04-26-03:00"),
    ],
)
def test_a_range_over_such_a_night_is_one_range_with_all_its_partitions(zone: str, first: str, last: str) -> None:
    calendar = Calendar("hour", date(2024, 1, 1), zone)
    keys = calendar.between(first, last)
    assert ranges(calendar, keys) == [(first, last, 5, 1)]
    definition = partitions_definition(calendar)
    assert definition is not None
    assert list(definition.get_partition_keys_in_range(dg.PartitionKeyRange(first, last))) == keys


@pytest.mark.parametrize(("zone", "day", "hours"), [("Europe/Berlin", "2024-10-27", 25), ("Africa/Cairo", "2024-04-26", 23)])
def test_a_day_reads_all_its_hours(zone: str, day: str, hours: int) -> None:
    daily, hourly = (Calendar(every, date(2024, 4, 1), zone) for every in ("day", "hour"))  # type: ignore[arg-type]
    below, above = partitions_definition(daily), partitions_definition(hourly)
    assert below is not None
    assert above is not None
    found = dg.TimeWindowPartitionMapping().get_upstream_mapped_partitions_result_for_partitions(
        below.empty_subset().with_partition_keys([day]), below, above, LATER
    )
    keys = list(found.partitions_subset.get_partition_keys())
    assert keys == hourly.between(hourly.key_of(daily.start_of(day)), hourly.shift(hourly.key_of(daily.end_of(day)), -1))
    assert len(keys) == hours


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/Sao_Paulo", "2018-11-04"),
        ("America/Sao_Paulo", "2018-02-18"),
        ("Africa/Cairo", "2024-04-26"),
        ("America/Havana", "2024-11-03"),
        ("Atlantic/Azores", "2024-10-27"),
        ("America/St_Johns", "2010-11-07"),
    ],
)
def test_a_window_over_such_a_night_has_its_days(zone: str, day: str) -> None:
    calendar = Calendar("day", date.fromisoformat(day) - timedelta(days=30), zone)
    definition = partitions_definition(calendar)
    assert definition is not None
    mapping = dg.TimeWindowPartitionMapping(start_offset=-4, end_offset=-1)
    for later in range(6):
        key = calendar.shift(day, later)
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(
            definition.empty_subset().with_partition_keys([key]), definition, definition, LATER
        )
        assert list(found.partitions_subset.get_partition_keys()) == calendar.between(calendar.shift(key, -4), calendar.shift(key, -1))
