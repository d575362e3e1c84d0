"""Ranges split into partitions, rules blocked or quarantined, columns pinned."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_assets.data.ingest import IngestError, stored_types
from mlops_assets.data.schema import SchemaError, Violation, compile_schema, validate
from mlops_assets.data.sources import SourceError
from mlops_assets.spec import Calendar, Dataset

DAILY = {"every": "day", "start": "2026-01-01"}


def dataset(**more: object) -> Dataset:
    return Dataset(**{"name": "t", "source": {"csv": "t.csv"}, "partitions": DAILY, "event_time": "at", **more})


def test_a_range_is_split_by_event_time_in_order_of_time(project) -> None:
    project.write(
        "t.csv", "n,at\n4,2026-01-02 09:00\n1,2026-01-01 23:59:59\n3,2026-01-02 08:00\n2,2026-01-02\n9,2026-01-05\n5,2026-01-02 09:00\n"
    )
    results = project.ingest(dataset(), ["2026-01-03", "2026-01-01", "2026-01-02"])
    assert [(one.key, one.rows, one.changed, one.previous) for one in results] == [
        ("2026-01-01", 1, True, None),
        ("2026-01-02", 4, True, None),
        ("2026-01-03", 0, True, None),
    ]
    assert [row["n"] for row in project.rows(dataset(), "2026-01-02")] == [2, 3, 4, 5]
    assert project.store.current("t", "2026-01-05") is None


def test_a_range_gives_the_same_versions_as_its_partitions_alone_and_again_changes_nothing(project) -> None:
    project.write("t.csv", "n,at\n" + "".join(f"{n},2026-01-0{1 + n % 5} 0{n % 7}:00\n" for n in range(50)))
    keys = [f"2026-01-0{day}" for day in range(1, 6)]
    together = {one.key: one.manifest.digest for one in project.ingest(dataset(), keys)}
    alone = {key: project.ingest(dataset(), [key])[0] for key in keys}
    assert {key: one.manifest.digest for key, one in alone.items()} == together
    assert not any(one.changed for one in alone.values())


def test_corrected_and_late_rows_make_a_new_version_of_their_partition_alone(project) -> None:
    project.write("t.csv", "n,at\n1,2026-01-01\n2,2026-01-02\n")
    before = project.ingest(dataset(), ["2026-01-01", "2026-01-02"])
    project.write("t.csv", "n,at\n1,2026-01-01\n2,2026-01-02\n3,2026-01-02\n")
    after = project.ingest(dataset(), ["2026-01-01", "2026-01-02"])
    assert [one.changed for one in after] == [False, True]
    assert after[1].previous == before[1].manifest.digest
    assert project.store.read(before[1].manifest).num_rows == 1


def test_days_begin_in_the_calendars_time_zone_and_naive_times_are_its_own(project) -> None:
    project.write("t.csv", "n,at\n1,2026-03-28 23:30\n2,2026-03-29 00:30\n3,2026-03-29 23:30\n4,2026-03-30 00:00\n")
    berlin = dataset(partitions={**DAILY, "timezone": "Europe/Berlin"})
    project.ingest(berlin, ["2026-03-29"])
    assert [(row["n"], row["at"]) for row in project.rows(berlin, "2026-03-29")] == [
        (2, datetime(2026, 3, 28, 23, 30, tzinfo=UTC)),
        (3, datetime(2026, 3, 29, 21, 30, tzinfo=UTC)),
    ]


def test_dates_fall_into_their_day_hour_week_and_month_partitions(project) -> None:
    project.write("t.csv", "n,at\n1,2026-02-01\n2,2026-02-28\n3,2026-03-01\n")
    monthly = dataset(partitions={"every": "month", "start": "2026-01-01", "timezone": "America/New_York"})
    project.ingest(monthly, ["2026-02-01"])
    assert [(row["n"], row["at"]) for row in project.rows(monthly, "2026-02-01")] == [(1, date(2026, 2, 1)), (2, date(2026, 2, 28))]
    weekly = dataset(name="w", partitions={"every": "week", "start": "2026-01-05"})
    assert [one.rows for one in project.ingest(weekly, ["2026-01-26", "2026-02-23"])] == [1, 2]
    hourly = dataset(name="h", partitions={"every": "hour", "start": "2026-01-05"})
    assert [one.rows for one in project.ingest(hourly, ["2026-02-28-00:00", "2026-02-28-01:00"])] == [1, 0]


def test_rows_without_a_usable_time_are_counted_and_never_lost_silently(project) -> None:
    project.write("t.csv", "n,at\n1,2026-01-01\n2,\n3,soon\n")
    declared = dataset(columns={"at": {"type": "datetime"}})
    (one,) = project.ingest(declared, ["2026-01-01"])
    assert (one.rows, one.undated) == (1, 2)
    project.write("t.csv", "n,at\n1,01.01.2026\n2,02.01.2026\n")
    with pytest.raises(IngestError, match="none of 2 rows has a usable event time") as error:
        project.ingest(declared, ["2026-01-01"])
    assert error.value.failures[None][0].examples == ("01.01.2026", "02.01.2026")


RULES = {
    "n": {"type": "int64", "ge": 0, "lt": 100},
    "w": {"type": "category", "one_of": ["a", "b"], "nullable": True},
    "code": {"type": "string", "matches": "[A-Z]{2}(?=[0-9])[0-9]+"},
    "mail": {"type": "string", "matches": ".+@.+", "pii": True},
}
GOOD = "5,a,AB1,x@y,2026-01-01\n"


def rules(**more: object) -> Dataset:
    return dataset(columns=RULES, **more)


def write_rows(project, *rows: str) -> None:
    project.write("t.csv", "n,w,code,mail,at\n" + "".join(rows))


@pytest.mark.parametrize(
    ("row", "column", "rule", "example"),
    [
        ("-1,a,AB1,x@y,2026-01-01\n", "n", "ge 0", "-1"),
        ("100,a,AB1,x@y,2026-01-01\n", "n", "lt 100", "100"),
        ("many,a,AB1,x@y,2026-01-01\n", "n", "type int64", "many"),
        (",a,AB1,x@y,2026-01-01\n", "n", "not missing", None),
        ("5,c,AB1,x@y,2026-01-01\n", "w", "one of a, b", "c"),
        ("5,a,xAB1,x@y,2026-01-01\n", "code", "matches [A-Z]{2}(?=[0-9])[0-9]+", "xAB1"),
        ("5,a,AB1,secret,2026-01-01\n", "mail", "matches .+@.+", None),
    ],
)
def test_each_rule_blocks_and_names_column_rule_count_example_and_row(
    project, row: str, column: str, rule: str, example: str | None
) -> None:
    write_rows(project, *[GOOD] * 3)
    (before,) = project.ingest(rules(), ["2026-01-01"])
    write_rows(project, GOOD, row, GOOD)
    with pytest.raises(IngestError) as error:
        project.ingest(rules(), ["2026-01-01"])
    expected = Violation(column, rule, 1, (example,) if example else (), (2,), ("t.csv:3",))
    if rule == "not missing":
        expected = Violation(column, rule, 1, (), (2,), ("t.csv:3",))
    found = [violation for violation in error.value.failures["2026-01-01"] if violation.rule == rule]
    assert found == [expected]
    assert "secret" not in str(error.value)
    assert project.store.current("t", "2026-01-01") == before.manifest


def test_quarantined_rows_are_counted_and_kept_beside_with_their_original_text(project) -> None:
    write_rows(project, *[GOOD] * 7, "many,c,AB1,x@y,2026-01-01\n", "5,b,AB1,nobody,2026-01-01\n")
    (one,) = project.ingest(rules(on_invalid="quarantine", max_invalid="30%"), ["2026-01-01"])
    assert (one.rows, one.invalid_rows) == (7, 2)
    assert one.manifest.facts["invalid"] == 2
    table = project.store.read_quarantined(one.manifest)
    assert [(row["n"], row["_violations"]) for row in table.to_pylist()] == [
        ("many", "n: type int64; n: not missing; w: one of a, b"),
        ("5", "mail: matches .+@.+"),
    ]
    assert project.ingest(rules(on_invalid="quarantine", max_invalid="30%"), ["2026-01-01"])[0].changed is False


def test_too_many_or_only_invalid_rows_fail_even_in_quarantine_mode(project) -> None:
    write_rows(project, GOOD, "-1,a,AB1,x@y,2026-01-01\n")
    with pytest.raises(IngestError, match=r"1 of 2 rows .* more than max_invalid 10\.00%"):
        project.ingest(rules(on_invalid="quarantine", max_invalid="10%"), ["2026-01-01"])
    write_rows(project, "-1,a,AB1,x@y,2026-01-01\n")
    with pytest.raises(IngestError, match="all 1 rows break a rule"):
        project.ingest(rules(on_invalid="quarantine", max_invalid="100%"), ["2026-01-01"])
    assert project.store.assets() == []
    assert project.store.get_pointer("schema/t") is None


def test_good_partitions_of_a_range_are_stored_and_bad_ones_fail_together(project) -> None:
    write_rows(project, GOOD, "-1,a,AB1,x@y,2026-01-02\n", GOOD.replace("01-01", "01-03"))
    with pytest.raises(IngestError) as error:
        project.ingest(rules(), ["2026-01-01", "2026-01-02", "2026-01-03"])
    assert list(error.value.failures) == ["2026-01-02"]
    assert project.store.partitions("t") == ["2026-01-01", "2026-01-03"]


def test_repeated_keys_are_violations_within_their_partition(project) -> None:
    project.write(
        "t.csv", "a,b,u,at\n1,x,1,2026-01-01\n1,y,2,2026-01-01\n1,x,3,2026-01-02\n1,x,3,2026-01-03\n1,x,4,2026-01-03\n,x,5,2026-01-04\n"
    )
    keyed = dataset(primary_key=["a", "b"], columns={"u": {"type": "int64", "unique": True}})
    with pytest.raises(IngestError) as error:
        project.ingest(keyed, [f"2026-01-0{day}" for day in range(1, 5)])
    assert error.value.failures == {
        "2026-01-03": [Violation("a, b", "primary key", 1, ("1 / x",), (5,), ("t.csv:6",))],
        "2026-01-04": [Violation("a", "not missing", 1, (), (6,), ("t.csv:7",))],
    }
    project.write("t.csv", "a,b,u,at\n1,x,1,2026-01-01\n1,y,1,2026-01-01\n1,z,1,2026-01-02\n")
    with pytest.raises(IngestError) as error:
        project.ingest(keyed, ["2026-01-01", "2026-01-02"])
    assert error.value.failures == {"2026-01-01": [Violation("u", "unique", 1, ("1",), (2,), ("t.csv:3",))]}


def test_naive_times_among_zoned_ones_are_violations(project) -> None:
    project.write("t.csv", "n,at,seen\n1,2026-01-01,2026-01-01T10:00Z\n2,2026-01-01,2026-01-01 10:00\n")
    with pytest.raises(IngestError, match="time without a zone among zoned ones"):
        project.ingest(dataset(columns={"seen": {"type": "datetime"}}), ["2026-01-01"])


def test_undeclared_columns_are_inferred_once_and_pinned(project) -> None:
    project.write("t.csv", "n,x,gone,at\n1,1.5,,2026-01-01\n")
    project.ingest(dataset(), ["2026-01-01"])
    assert stored_types(dataset(), project.store) == {"n": "int64", "x": "float64", "gone": "float64", "at": "date"}
    project.write("t.csv", "n,x,gone,at\n1,7,2,2026-01-02\n")
    project.ingest(dataset(), ["2026-01-02"])
    assert project.rows(dataset(), "2026-01-02")[0]["x"] == 7.0
    project.write("t.csv", "n,x,gone,at\nmany,1,,2026-01-03\n")
    with pytest.raises(IngestError, match="n breaks 'type int64'"):
        project.ingest(dataset(), ["2026-01-03"])
    project.write("t.csv", "n,x,gone,extra,at\n1,1,,1,2026-01-03\n")
    with pytest.raises(SchemaError, match="new column 'extra'"):
        project.ingest(dataset(), ["2026-01-03"])
    project.write("t.csv", "n,xx,gone,at\n1,1,,2026-01-03\n")
    with pytest.raises(SchemaError, match=r"no column 'x'.*Did you mean 'xx'"):
        project.ingest(dataset(), ["2026-01-03"])
    project.write("t.csv", "n,x,gone,extra,at\n1,1,,1,2026-01-03\n")
    project.ingest(dataset(columns={"extra": {"type": "int64"}}), ["2026-01-03"])
    assert project.rows(dataset(), "2026-01-03")[0]["extra"] == 1


def test_a_declared_column_that_is_misspelt_or_nested_is_named(project) -> None:
    project.write("t.csv", "amount,at\n1,2026-01-01\n")
    with pytest.raises(SchemaError, match=r"no column 'amuont'.*Did you mean 'amount'"):
        project.ingest(dataset(columns={"amuont": {"type": "int64"}}), ["2026-01-01"])
    project.write("t.json", '{"at": "2026-01-01", "many": [1]}\n')
    with pytest.raises(SchemaError, match="'many' holds list"):
        project.ingest(dataset(source={"json": "t.json"}), ["2026-01-01"])


def test_an_unpartitioned_table_and_one_without_rows(project) -> None:
    static = Dataset(name="s", source={"csv": "s.csv"})
    project.write("s.csv", "a\n")
    assert project.ingest(static)[0].rows == 0
    assert stored_types(static, project.store) is None
    project.write("s.csv", "a\n1\n")
    assert project.ingest(static)[0].rows == 1
    project.write("s.csv", "a\n")
    assert project.ingest(static)[0].rows == 0
    assert project.store.read(project.store.current("s")).schema.field("a").type == pa.int64()


@pytest.mark.parametrize(
    ("keys", "message"), [(None, "say which"), (["2025-12-31"], "no partition of it"), (["01.01.2026"], "no partition of it")]
)
def test_keys_that_the_calendar_does_not_have_are_refused(project, keys: list[str] | None, message: str) -> None:
    with pytest.raises(IngestError, match=message):
        project.ingest(dataset(), keys)
    with pytest.raises(IngestError, match="no partitions"):
        project.ingest(Dataset(name="s", source={"csv": "s.csv"}), ["2026-01-01"])


NOW = datetime(2026, 1, 5, 3, tzinfo=UTC)


def test_a_snapshot_of_the_past_needs_a_source_with_history(project) -> None:
    project.write("t.csv", "a\n1\n")
    snapshot = Dataset(name="t", source={"csv": "t.csv"}, kind="snapshot", partitions=DAILY)
    with pytest.raises(IngestError, match=r"shows only how the table is now.*2026-01-04"):
        project.ingest(snapshot, ["2026-01-03", "2026-01-04"], NOW)
    assert [one.key for one in project.ingest(snapshot, ["2026-01-04"], NOW)] == ["2026-01-04"]


def test_snapshots_of_a_path_for_each_partition_are_whole_tables(project) -> None:
    for day in (1, 2):
        project.write(f"roster/2026-01-0{day}.csv", "a,since\n" + "".join(f"{n},2020-01-01\n" for n in range(day)))
    snapshot = Dataset(
        name="t", source={"csv": "roster/{partition}.csv"}, kind="snapshot", partitions=DAILY, event_time="since", primary_key="a"
    )
    assert [one.rows for one in project.ingest(snapshot, ["2026-01-01", "2026-01-02"], NOW)] == [1, 2]
    with pytest.raises(SourceError, match="no such file"):
        project.ingest(snapshot, ["2026-01-03"], NOW)


def test_validation_of_one_table_sorts_its_rows_apart() -> None:
    table = pa.table({"n": ["1", "x", "200"], "at": ["2026-01-01", "2026-01-01", None]})
    result = validate(dataset(columns={"n": RULES["n"]}), table, None)
    assert (result.valid.num_rows, result.invalid.num_rows, result.undated) == (1, 2, 1)
    assert [(one.column, one.rule) for one in result.violations] == [("n", "type int64"), ("n", "not missing"), ("n", "lt 100")]


def test_the_compiled_schema_is_pandera_and_says_the_same_of_a_frame() -> None:
    import pandas as pd
    import pandera.errors

    schema = compile_schema(rules(), ["n", "w", "code", "mail", "at"])
    good = pd.DataFrame({"n": [5], "w": ["a"], "code": ["AB1"], "mail": ["x@y"], "at": [None]})
    schema.validate(good)
    with pytest.raises(pandera.errors.SchemaErrors):
        schema.validate(good.assign(n=-1, w="c"), lazy=True)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    minutes=st.lists(st.one_of(st.none(), st.integers(-3_000, 9_000)), max_size=30),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    every=st.sampled_from(["hour", "day"]),
)
def test_every_row_lands_in_the_partition_that_holds_its_time_or_is_counted(project, minutes, zone: str, every: str) -> None:
    start = datetime(2026, 3, 28, tzinfo=UTC)
    times = [None if minute is None else start + timedelta(minutes=minute) for minute in minutes]
    pq.write_table(pa.table({"n": range(len(times)), "at": pa.array(times, pa.timestamp("us", "UTC"))}), project.folder / "h.parquet")
    calendar = Calendar(every, date(2026, 3, 28), zone)
    rows = Dataset(
        name="h", source={"parquet": "h.parquet"}, partitions={"every": every, "start": "2026-03-28", "timezone": zone}, event_time="at"
    )
    keys = calendar.between("2026-03-28-00:00", "2026-03-29-23:00") if every == "hour" else ["2026-03-28", "2026-03-29", "2026-03-30"]
    for one in project.ingest(rows, keys):
        expected = sorted((time, n) for n, time in enumerate(times) if time is not None and calendar.key_of(time) == one.key)
        assert [(row["at"], row["n"]) for row in project.store.read(one.manifest).to_pylist()] == expected
        assert one.undated == times.count(None)
