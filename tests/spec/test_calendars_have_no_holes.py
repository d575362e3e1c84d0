"""Partitions tile the line of time in every zone, and a start or end that is no boundary is said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mlops_assets.spec import Dataset, FeatureView, Model
from mlops_assets.spec.calendar import Calendar, CalendarError
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.covering import covering, dataset_keys
from mlops_assets.spec.dataset import AS_RECORDED, Partitions
from mlops_assets.spec.windows import model_partitions, view_partitions
from tests.spec.conftest import Check

ZONES = sorted(available_timezones())
NIGHTS = [
    ("hour", "Europe/Berlin", datetime(2024, 10, 27, 1, 30, tzinfo=UTC)),
    ("hour", "America/St_Johns", datetime(2024, 11, 3, 4, 45, tzinfo=UTC)),
    ("hour", "Australia/Lord_Howe", datetime(2024, 4, 6, 15, 10, tzinfo=UTC)),
    ("hour", "Antarctica/Troll", datetime(2024, 10, 27, 2, 59, tzinfo=UTC)),
    ("day", "America/Sao_Paulo", datetime(2018, 11, 4, 3, 0, tzinfo=UTC)),
    ("day", "America/Havana", datetime(2024, 11, 3, 5, 30, tzinfo=UTC)),
    ("day", "America/St_Johns", datetime(2010, 11, 7, 3, 0, tzinfo=UTC)),
    ("day", "Pacific/Apia", datetime(2011, 12, 30, 9, 59, tzinfo=UTC)),
    ("week", "Asia/Beirut", datetime(2024, 3, 30, 22, 0, tzinfo=UTC)),
    ("month", "Pacific/Kiritimati", datetime(1995, 1, 1, 9, 0, tzinfo=UTC)),
]
units = st.sampled_from(["hour", "day", "week", "month"])
starts = st.dates(date(1990, 1, 1), date(2037, 12, 31))
moments = st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))


@st.composite
def near_changes(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone and a moment, as often as not within hours of a change of its clocks."""
    zone, moment = draw(st.sampled_from(ZONES)), draw(moments)
    if draw(st.booleans()):
        step, last = timedelta(days=1), moment + timedelta(days=400)
        offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
        while moment < last and (moment + step).astimezone(ZoneInfo(zone)).utcoffset() == offset:
            moment += step
        moment += timedelta(minutes=draw(st.integers(-1500, 1500)))
    return zone, moment


@settings(max_examples=200, deadline=None)
@given(units, starts, near_changes(), st.integers(-60, 60))
def test_every_instant_lies_in_one_partition_and_the_next_begins_where_it_ends(
    every: str, start: date, found: tuple[str, datetime], periods: int
) -> None:
    zone, moment = found
    calendar = Calendar(every, start, zone)  # type: ignore[arg-type]
    _tiles(calendar, moment, periods)


@pytest.mark.parametrize(("every", "zone", "moment"), NIGHTS)
def test_so_do_the_instants_of_nights_that_are_known_to_be_odd(every: str, zone: str, moment: datetime) -> None:
    for minutes in range(-1600, 1600, 25):
        _tiles(Calendar(every, date(1990, 1, 1), zone), moment + timedelta(minutes=minutes), minutes // 25)  # type: ignore[arg-type]


def _tiles(calendar: Calendar, moment: datetime, periods: int) -> None:
    key = calendar.key_of(moment)
    assert calendar.start_of(key) <= moment < calendar.end_of(key)
    assert calendar.start_of(key) < calendar.end_of(key) == calendar.start_of(calendar.shift(key, 1))
    assert calendar.key_of(calendar.start_of(key)) == key
    assert calendar.key_of(calendar.end_of(key) - timedelta(microseconds=1)) == key
    there = calendar.shift(key, periods)
    assert calendar.distance(key, there) == periods
    assert calendar.shift(there, -periods) == key
    assert (calendar.start_of(there) > calendar.start_of(key)) == (periods > 0)
    assert (there > key) == (periods > 0), "keys sort as their partitions do"
    if calendar.contains(key) and periods >= 0:
        keys = calendar.between(key, there)
        assert len(set(keys)) == len(keys) == periods + 1
        assert (keys[0], keys[-1]) == (key, there)


@pytest.mark.parametrize(
    ("zone", "first", "keys"),
    [
        ("Europe/Berlin", "2024-10-27-01:00", ["2024-10-27-02:00", "2024-10-27-02:00+0100", "2024-10-27-03:00"]),
        ("Europe/Berlin", "2024-03-31-00:00", ["2024-03-31-01:00", "2024-03-31-03:00", "2024-03-31-04:00"]),
        ("America/New_York", "2024-11-03-00:00", ["2024-11-03-01:00", "2024-11-03-01:00-0500", "2024-11-03-02:00"]),
        ("America/St_Johns", "2024-11-03-00:00", ["2024-11-03-01:00", "2024-11-03-01:00-0330", "2024-11-03-02:00"]),
        ("Africa/Cairo", "2024-04-25-23:00", ["2024-04-26-01:00", "2024-04-26-02:00", "2024-04-26-03:00"]),
        ("Asia/Kolkata", "2024-10-27-01:00", ["2024-10-27-02:00", "2024-10-27-03:00", "2024-10-27-04:00"]),
    ],
)
def test_an_hour_that_comes_twice_is_two_partitions_and_one_that_never_was_is_none(zone: str, first: str, keys: list[str]) -> None:
    calendar = Calendar("hour", date(2024, 1, 1), zone)
    assert [calendar.shift(first, periods) for periods in (1, 2, 3)] == keys
    assert calendar.between(first, keys[-1]) == [first, *keys]
    assert calendar.end_of(keys[-1]) - calendar.start_of(first) == timedelta(hours=4)


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("America/Sao_Paulo", "2018-11-04", datetime(2018, 11, 4, 3), 23),
        ("America/Sao_Paulo", "2018-02-17", datetime(2018, 2, 17, 2), 25),
        ("Africa/Cairo", "2024-04-26", datetime(2024, 4, 25, 22), 23),
        ("Asia/Beirut", "2024-03-31", datetime(2024, 3, 30, 22), 23),
        ("America/Havana", "2024-11-03", datetime(2024, 11, 3, 4), 25),
        ("Pacific/Apia", "2011-12-31", datetime(2011, 12, 30, 10), 24),
        ("Australia/Lord_Howe", "2024-04-07", datetime(2024, 4, 6, 13), 24.5),
    ],
    ids=["no midnight", "23:00 twice", "no midnight in Cairo", "in Beirut", "midnight twice", "after a day that never was", "half an hour"],
)
def test_a_day_begins_with_its_first_instant(zone: str, day: str, start: datetime, hours: float) -> None:
    calendar = Calendar("day", date(2000, 1, 1), zone)
    assert calendar.start_of(day) == start.replace(tzinfo=UTC)
    assert calendar.end_of(day) - calendar.start_of(day) == timedelta(hours=hours)
    assert calendar.key_of(date.fromisoformat(day)) == day


def test_a_day_that_never_was_is_no_partition() -> None:
    calendar = Calendar("day", date(2011, 1, 1), "Pacific/Apia")
    assert calendar.between("2011-12-28", "2012-01-01") == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]
    assert calendar.distance("2011-12-29", "2011-12-31") == 1
    assert not calendar.contains("2011-12-30")


@pytest.mark.parametrize(
    ("every", "key"),
    [
        ("hour", "2024-10-27-02:00+0200"),
        ("hour", "2024-10-27-03:00+0100"),
        ("hour", "2024-03-31-02:00"),
        ("hour", "2024-10-27-02:30"),
        ("hour", "2024-10-27"),
        ("hour", "2024-10-27T02:00"),
        ("day", "2024-10-27-02:00"),
        ("day", "20241027"),
        ("day", "2024-02-30"),
        ("week", "2024-10-27"),
        ("month", "2024-10-27"),
        ("month", ""),
    ],
)
def test_a_key_has_one_spelling(every: str, key: str) -> None:
    calendar = Calendar(every, date(2024, 1, 1), "Europe/Berlin")  # type: ignore[arg-type]
    assert not calendar.contains(key)
    by = {"hour": "hourly", "day": "daily", "week": "weekly", "month": "monthly"}[every]
    with pytest.raises(CalendarError, match=f"is not a partition of this {by} calendar; keys look like 2024-01-01"):
        calendar.start_of(key)


def test_moments_at_the_ends_of_time_are_told() -> None:
    for every in ("hour", "day", "week", "month"):
        with pytest.raises(CalendarError, match="1 to 9999"):
            Calendar(every, date(2024, 1, 1), "Asia/Tokyo").key_of(datetime(9999, 12, 31, 23, tzinfo=UTC))


DATASET = """
type: mlops_assets.Dataset
attributes:
  name: orders
  source: {parquet: orders.parquet}
  event_time: ordered_at
  partitions:
    every: EVERY
    start: START
    timezone: ZONE
"""


@pytest.mark.parametrize(
    ("every", "start", "before", "after"),
    [
        ("week", "2024-01-07", "2024-01-01", "2024-01-08"),
        ("week", "2023-12-30", "2023-12-25", "2024-01-01"),
        ("month", "2024-01-31", "2024-01-01", "2024-02-01"),
        ("month", "2023-12-02", "2023-12-01", "2024-01-01"),
    ],
)
def test_a_start_that_is_no_boundary_is_refused_with_the_nearest_ones(
    check: Check, every: str, start: str, before: str, after: str
) -> None:
    def problems(day: str) -> list[tuple[str, int]]:
        found = check(DATASET.replace("EVERY", every).replace("START", day).replace("ZONE", "Europe/Berlin"))
        return [(problem.path, problem.line) for problem in found if problem.severity == "error"]

    text = DATASET.replace("EVERY", every).replace("START", start).replace("ZONE", "Europe/Berlin")
    (problem,) = check(text)
    assert (problem.path, problem.line) == ("partitions.start", 8)
    assert f"the nearest starts are {before} and {after}" in problem.found
    assert f"start: {after} leaves the partitions that are there as they are" in problem.found
    assert problems(before) == problems(after) == []
    recorded = {"every": every, "start": start, "timezone": "Europe/Berlin"}
    assert Partitions.model_validate(recorded, context=AS_RECORDED).calendar.first_key == after


@pytest.mark.parametrize(
    ("every", "end", "before", "after"),
    [
        ("week", "2024-02-07", "2024-02-05", "2024-02-12"),
        ("month", "2024-02-29", "2024-02-01", "2024-03-01"),
    ],
)
def test_an_end_that_is_no_boundary_is_told_with_the_nearest_ones(check: Check, every: str, end: str, before: str, after: str) -> None:
    text = DATASET.replace("EVERY", every).replace("START", "2024-01-01").replace("ZONE", "UTC")
    (problem,) = check(f"{text}    end: {end}\n")
    assert (problem.path, problem.line) == ("partitions.end", 10)
    assert f"the nearest ends are {before} and {after}" in problem.found
    assert check(f"{text}    end: {before}\n") == check(f"{text}    end: {after}\n") == []


def test_start_and_end_are_told_together_and_an_end_must_lie_after_the_start(check: Check) -> None:
    text = DATASET.replace("EVERY", "week").replace("ZONE", "UTC")
    found = check(f"{text.replace('START', '2024-01-07')}    end: 2024-02-07\n")
    assert [problem.path for problem in found] == ["partitions.start", "partitions.end"]
    (problem,) = check(f"{text.replace('START', '2024-01-08')}    end: 2024-01-08\n")
    assert "not after start 2024-01-08" in problem.found
    assert check(f"{text.replace('START', '2024-01-08')}    end: 2024-01-15\n") == []


@pytest.mark.parametrize(
    ("every", "zone", "start", "said", "sound"),
    [
        ("hour", "Australia/Lord_Howe", "2024-01-01", "by a part of an hour on 2024-04-07", ("day", "Australia/Lord_Howe", "2024-01-01")),
        ("hour", "America/Caracas", "2016-01-01", "UTC, or begin after 2016-05-01", ("hour", "America/Caracas", "2016-05-02")),
        ("day", "Pacific/Apia", "2011-06-01", "2011-12-30 never was in Pacific/Apia", ("day", "Pacific/Apia", "2011-12-31")),
        ("day", "Pacific/Apia", "2011-12-30", "2011-12-30 never was in Pacific/Apia", ("month", "Pacific/Apia", "2011-06-01")),
    ],
)
def test_a_calendar_that_dagster_cannot_say_is_refused(
    check: Check, every: str, zone: str, start: str, said: str, sound: tuple[str, str, str]
) -> None:
    (problem,) = check(DATASET.replace("EVERY", every).replace("START", start).replace("ZONE", zone))
    assert (problem.path, problem.line) == ("partitions.timezone", 9)
    assert said in problem.found
    assert "write timezone: UTC" in problem.found
    for other in (sound, (every, "UTC", start)):
        assert check(DATASET.replace("EVERY", other[0]).replace("ZONE", other[1]).replace("START", other[2])) == []


def test_a_view_and_a_model_are_told_of_their_own_calendar_too() -> None:
    wrong = {"every": "week", "start": "2024-01-07"}
    view = {"name": "v", "entity": "id", "from": ["orders"], "lookback": "1w", "sql": "select id from orders", "partitions": wrong}
    model = {
        "name": "m",
        "task": "regression",
        "examples": {"from": "orders", "target": "y"},
        "training": {"holdout": "1w"},
        "partitions": wrong,
    }
    for kind, declared in ((FeatureView, view), (Model, model)):
        with pytest.raises(ValidationError, match="nearest starts are 2024-01-01 and 2024-01-08") as told:
            kind.model_validate(declared)
        assert [error["loc"] for error in told.value.errors()] == [("partitions", "start")]
        kind.model_validate({**declared, "partitions": {"every": "week", "start": "2024-01-08"}})


def _events(name: str, every: str, start: str, end: str | None = None) -> Dataset:
    partitions = {"every": every, "start": start, "end": end, "timezone": "Europe/Berlin"}
    return Dataset(name=name, source={"csv": "x"}, partitions=partitions, event_time="at")


def _view(*datasets: Dataset) -> tuple[FeatureView, Catalogue]:
    names = [dataset.name for dataset in datasets]
    view = FeatureView(name="v", entity="id", **{"from": names}, lookback="1w", sql="select id from a")
    return view, Catalogue.of(*datasets, view)


@pytest.mark.parametrize(
    ("every", "start", "end", "first", "last"),
    [
        ("week", "2024-01-03", "2024-03-01", "2024-01-08", "2024-02-19"),
        ("week", "2024-01-08", "2024-03-04", "2024-01-08", "2024-02-26"),
        ("month", "2024-01-03", "2024-03-31", "2024-02-01", "2024-02-01"),
    ],
)
def test_what_reads_several_calendars_has_the_whole_partitions_that_they_share(
    every: str, start: str, end: str, first: str, last: str
) -> None:
    coarse = _events("a", every, "2024-01-01")
    snapshot = {"every": "day", "start": start, "timezone": "Europe/Berlin"}
    daily = Dataset(name="b", source={"csv": "x"}, kind="snapshot", partitions=snapshot)
    view, catalogue = _view(coarse, daily)
    partitions = view_partitions(view, catalogue)
    assert partitions is not None
    assert (partitions.every, str(partitions.start), partitions.calendar.first_key) == (every, first, first)
    own = Partitions(every=every, start=first, timezone="Europe/Berlin")
    examples = _events("c", "day", "2024-01-01", end)
    model = Model(
        name="m", task="regression", examples={"from": "c", "target": "y"}, training={"holdout": "1d"}, partitions=own.model_dump()
    )
    ended = model_partitions(model, Catalogue.of(examples, model))
    assert ended is not None
    assert ended.calendar.last_key == last
    assert ended.calendar.newest_complete(datetime(2030, 1, 1, tzinfo=UTC)) == last


@settings(max_examples=150, deadline=None)
@given(units, st.sampled_from(["UTC", "Europe/Berlin", "America/Havana", "Africa/Cairo"]), moments, st.integers(1, 50), st.integers(-5, 60))
@example("hour", "Europe/Berlin", datetime(2024, 10, 26, tzinfo=UTC), 1, 40)
def test_an_ended_calendar_has_its_partitions_and_no_others(every: str, zone: str, begun: datetime, length: int, later: int) -> None:
    open_ = Calendar(every, begun.date(), zone)  # type: ignore[arg-type]
    end = open_.start_of(open_.shift(open_.first_key, length)).astimezone(open_.zone).date() + timedelta(days=every == "hour")
    ended = Calendar(every, begun.date(), zone, end)  # type: ignore[arg-type]
    last = open_.shift(open_.key_of(end), -1)
    assert ended.last_key == last
    now = open_.end_of(open_.shift(open_.first_key, later))
    expected = min(open_.newest_complete(now) or "", last)
    assert (ended.newest_complete(now) or "") == expected
    assert ended.exists(last)
    assert not ended.exists(ended.shift(last, 1))
    partitions = Partitions.model_construct(every=every, start=begun.date(), end=end, timezone=zone)
    assert covering(partitions, ended.start_of(ended.first_key), ended.end_of(ended.shift(last, 3))) == ended.between(ended.first_key, last)


def test_a_snapshot_that_has_ended_stays_as_it_was_last() -> None:
    partitions = {"every": "month", "start": "2024-01-01", "end": "2024-04-01"}
    roster = Dataset(name="roster", source={"csv": "x"}, kind="snapshot", partitions=partitions)
    at = [datetime(2024, 1, 15, tzinfo=UTC), datetime(2024, 2, 15, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)]
    assert [dataset_keys(roster, None, moment) for moment in at] == [[], ["2024-01-01"], ["2024-03-01"]]
