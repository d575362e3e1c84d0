"""Rows of nights when clocks change: each is stored in one partition, whatever the source."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.data.sources.sql import _bounds
from mlops_assets.data.store import Store, open_store
from mlops_assets.spec import Dataset
from mlops_assets.spec.calendar import Calendar
from tests.ingesting import Project


def dataset(source: dict[str, str], every: str, start: str, zone: str, **more: Any) -> Dataset:
    return Dataset(name="m", source=source, partitions={"every": every, "start": start, "timezone": zone}, event_time="at", **more)


def stored(project: Project, rows: Dataset) -> dict[str, list[int]]:
    """Values by partition, of partitions that have rows."""
    found = {str(key): [row["v"] for row in project.rows(rows, key)] for key in project.store.partitions("m")}
    return {key: values for key, values in found.items() if values}


def test_the_second_hour_of_an_october_night(project: Project) -> None:
    project.write("data/m.csv", "at,v\n2024-10-27T00:30:00Z,1\n2024-10-27T01:30:00Z,2\n2024-10-27T02:30:00Z,3\n")
    rows = dataset({"csv": "data/m.csv"}, "hour", "2024-10-26", "Europe/Berlin")
    calendar = rows.calendar
    assert calendar is not None
    project.ingest(rows, calendar.between("2024-10-27-00:00", "2024-10-27-05:00"))
    assert stored(project, rows) == {"2024-10-27-02:00": [1], "2024-10-27-02:00+0100": [2], "2024-10-27-03:00": [3]}


@pytest.mark.parametrize(
    ("every", "zone", "start", "change", "counts"),
    [
        ("hour", "America/New_York", "2024-11-02", datetime(2024, 11, 3, 6), {1}),
        ("hour", "America/St_Johns", "2024-11-02", datetime(2024, 11, 3, 4, 30), {1}),
        ("hour", "Africa/Cairo", "2024-04-25", datetime(2024, 4, 25, 22), {1}),
        ("day", "America/Sao_Paulo", "2018-11-01", datetime(2018, 11, 4, 3), {23, 24}),
        ("day", "America/Havana", "2024-11-01", datetime(2024, 11, 3, 5), {24, 25}),
        ("week", "Asia/Beirut", "2024-03-04", datetime(2024, 3, 30, 22), {167, 168}),
    ],
)
def test_every_row_of_an_hour_each_around_a_change_is_stored_once(
    project: Project, every: str, zone: str, start: str, change: datetime, counts: set[int]
) -> None:
    calendar = Calendar(every, date.fromisoformat(start), zone)  # type: ignore[arg-type]
    middle = calendar.key_of(change.replace(tzinfo=UTC))
    keys = calendar.between(calendar.shift(middle, -3), calendar.shift(middle, 2))
    first, last = calendar.start_of(keys[0]), calendar.end_of(keys[-1])
    times = [first + timedelta(hours=hour) for hour in range((last - first) // timedelta(hours=1))]
    pq.write_table(pa.table({"v": range(len(times)), "at": pa.array(times, pa.timestamp("us", "UTC"))}), project.folder / "m.parquet")
    rows = dataset({"parquet": "m.parquet"}, every, start, zone)
    project.ingest(rows, keys)
    found = stored(project, rows)
    assert sorted(value for values in found.values() for value in values) == list(range(len(times)))
    assert list(found) == keys
    assert {len(values) for values in found.values()} == counts


def test_the_file_of_a_partition_is_named_by_its_key(project: Project) -> None:
    calendar = Calendar("hour", date(2024, 10, 27), "Europe/Berlin")
    keys = calendar.between("2024-10-27-01:00", "2024-10-27-03:00")
    assert "2024-10-27-02:00+0100" in keys
    for number, key in enumerate(keys):
        project.write(f"data/{key}.csv", f"at,v\n{calendar.start_of(key):%Y-%m-%dT%H:%M:%SZ},{number}\n")
    rows = dataset({"csv": "data/{partition}.csv"}, "hour", "2024-10-27", "Europe/Berlin")
    for key in keys:
        project.ingest(rows, [key])
    assert stored(project, rows) == {key: [number] for number, key in enumerate(keys)}


def test_a_key_with_an_offset_is_kept_by_the_store(project: Project) -> None:
    keys = Calendar("hour", date(2024, 10, 27), "Europe/Berlin").between("2024-10-27-01:00", "2024-10-27-03:00")
    for key in keys:
        project.store.write("m", key, pa.table({"key": [key]}))
    again: Store = open_store(str(project.folder / "store"))
    assert again.partitions("m") == keys
    for key in keys:
        assert again.read(again.current("m", key)).to_pylist() == [{"key": key}]  # type: ignore[arg-type]
        again.set_pointer(f"m/evaluation@{key}", {"key": key})
        assert again.get_pointer(f"m/evaluation@{key}") == {"key": key}


def test_a_query_over_naive_times_reads_the_hour_that_comes_twice_and_the_one_that_never_was() -> None:
    rows = dataset({"sql": {"url": "mysql://x/y", "query": "select 1"}}, "hour", "2024-01-01", "Europe/Berlin")
    calendar = rows.calendar
    assert calendar is not None
    for key, start, end in [
        ("2024-10-27-01:00", datetime(2024, 10, 27, 1), datetime(2024, 10, 27, 2)),
        ("2024-10-27-02:00", datetime(2024, 10, 27, 2), datetime(2024, 10, 27, 3)),
        ("2024-10-27-02:00+0100", datetime(2024, 10, 27, 2), datetime(2024, 10, 27, 3)),
        ("2024-03-31-01:00", datetime(2024, 3, 31, 1), datetime(2024, 3, 31, 3)),
        ("2024-03-31-03:00", datetime(2024, 3, 31, 2), datetime(2024, 3, 31, 4)),
    ]:
        bounds = _bounds("mysql", rows, (calendar.start_of(key), calendar.end_of(key)))
        assert bounds == {"start": start, "end": end}, key


def test_a_table_of_naive_times_is_stored_whole_over_such_a_night(project: Project) -> None:
    connection = sqlite3.connect(project.folder / "db.sqlite")
    connection.execute("create table m (at text, v integer)")
    times = ["2024-10-27 01:30:00", "2024-10-27 02:10:00", "2024-10-27 02:50:00", "2024-10-27 03:30:00"]
    connection.executemany("insert into m values (?, ?)", [(at, number) for number, at in enumerate(times)])
    connection.commit()
    source = {"sql": {"url": f"sqlite:///{project.folder}/db.sqlite", "query": "select * from m where at >= :start and at < :end"}}
    rows = dataset(source, "hour", "2024-10-27", "Europe/Berlin")  # type: ignore[arg-type]
    calendar = rows.calendar
    assert calendar is not None
    for key in calendar.between("2024-10-27-01:00", "2024-10-27-03:00"):
        project.ingest(rows, [key])
    assert stored(project, rows) == {"2024-10-27-01:00": [0], "2024-10-27-02:00": [1, 2], "2024-10-27-03:00": [3]}


def test_weeks_that_start_on_sunday(project: Project) -> None:
    project.write("data/a.csv", "at,v\n2024-01-07,1\n2024-01-08,2\n")
    with pytest.raises(ValueError, match="is a Sunday, but weeks begin on Monday; the nearest starts are 2024-01-01 and 2024-01-08"):
        dataset({"csv": "data/a.csv"}, "week", "2024-01-07", "UTC")
    rows = dataset({"csv": "data/a.csv"}, "week", "2024-01-01", "UTC")
    project.ingest(rows, ["2024-01-01", "2024-01-08"])
    assert stored(project, rows) == {"2024-01-01": [1], "2024-01-08": [2]}


@pytest.mark.parametrize(("every", "start", "sound"), [("month", "2024-01-31", "2024-01-01"), ("week", "2024-01-03", "2024-01-01")])
def test_other_starts_that_are_no_boundary_are_refused_as_well(project: Project, every: str, start: str, sound: str) -> None:
    project.write("data/a.json", '{"at": "2024-01-31T10:00:00Z", "v": 1}\n{"at": "2024-02-01T00:00:00Z", "v": 2}\n')
    with pytest.raises(ValueError, match=f"the nearest starts are {sound} and"):
        dataset({"json": "data/a.json"}, every, start, "UTC")
    rows = dataset({"json": "data/a.json"}, every, sound, "UTC")
    assert rows.calendar is not None
    project.ingest(rows, rows.calendar.between(sound, rows.calendar.key_of(date(2024, 2, 1))))
    assert sorted(value for values in stored(project, rows).values() for value in values) == [1, 2]


@pytest.mark.parametrize("together", [True, False])
def test_a_file_of_naive_times_is_stored_whole_however_it_is_read(project: Project, together: bool) -> None:
    times = [datetime(2024, 10, 27, 1, 30), datetime(2024, 10, 27, 2, 10), datetime(2024, 10, 27, 2, 50), datetime(2024, 10, 27, 3, 30)]
    times += [datetime(2024, 3, 31, 1, 30), datetime(2024, 3, 31, 2, 30), datetime(2024, 3, 31, 3, 30)]
    pq.write_table(pa.table({"v": range(len(times)), "at": pa.array(times, pa.timestamp("us"))}), project.folder / "m.parquet")
    rows = dataset({"parquet": "m.parquet"}, "hour", "2024-03-31", "Europe/Berlin")
    calendar = rows.calendar
    assert calendar is not None
    for first, last in (("2024-03-31-01:00", "2024-03-31-03:00"), ("2024-10-27-01:00", "2024-10-27-03:00")):
        keys = calendar.between(first, last)
        for part in [keys] if together else [[key] for key in keys]:
            project.ingest(rows, part)
    spring = {"2024-03-31-01:00": [4], "2024-03-31-03:00": [5, 6]}
    assert stored(project, rows) == {**spring, "2024-10-27-01:00": [0], "2024-10-27-02:00": [1, 2], "2024-10-27-03:00": [3]}
