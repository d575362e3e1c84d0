"""Situations of public bug reports, through ingestion: what is stored is the cell of the source, or a located violation."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.data.ingest import IngestError
from mlops_assets.spec import Dataset

DAYS = {"every": "day", "start": "2024-01-01"}
BEYOND = 2**53 + 1


def daily(**columns: Any) -> Dataset:
    spec = {"name": "t", "source": {"csv": "data/{partition}.csv"}, "partitions": DAYS, "event_time": "t", "columns": columns}
    return Dataset.model_validate(spec)


def of_parquet(project: Any, values: pa.Array, **declared: Any) -> Dataset:
    pq.write_table(pa.table({"v": values}), project.folder / "a.parquet")
    return Dataset.model_validate({"name": "p", "source": {"parquet": "a.parquet"}, "columns": {"v": {"nullable": True, **declared}}})


def stored(project: Any, dataset: Dataset) -> list[Any]:
    project.ingest(dataset)
    return [row["v"] for row in project.rows(dataset)]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("9007199254740993.0", BEYOND), ("9223372036854775807.00", 2**63 - 1), ("+12", 12), ("-9007199254740993", -BEYOND)],
)
def test_an_integer_column_takes_whole_numbers_exactly_however_they_are_written(project, cell: str, value: int) -> None:
    project.write("data/2024-01-01.csv", "t,n\n2024-01-01,1\n")
    project.write("data/2024-01-02.csv", f"t,n\n2024-01-02,{cell}\n")
    project.ingest(daily(), ["2024-01-01"])
    project.ingest(daily(), ["2024-01-02"])
    assert [row["n"] for row in project.rows(daily(), "2024-01-02")] == [value]


@pytest.mark.parametrize("cell", ["9223372036854775808.0", "1.5", "12345678901234567891"])
def test_what_is_no_whole_number_of_64_bits_is_a_located_violation_of_an_integer_column(project, cell: str) -> None:
    project.write("data/2024-01-01.csv", "t,n\n2024-01-01,1\n")
    project.write("data/2024-01-02.csv", f"t,n\n2024-01-02,{cell}\n")
    project.ingest(daily(), ["2024-01-01"])
    with pytest.raises(IngestError, match=r"n breaks 'type int64.*row 1"):
        project.ingest(daily(), ["2024-01-02"])


@pytest.mark.parametrize(
    ("moment", "rule"),
    [
        ("2024-01-02 17:45:00", "has a time of day"),
        ("2024-01-02T00:00:01Z", "has a time of day"),
        ("2024-01-02 24:00:00", "type date"),
    ],
)
def test_a_column_of_dates_does_not_swallow_a_time_of_day(project, moment: str, rule: str) -> None:
    project.write("data/2024-01-01.csv", "t,seen\n2024-01-01,2024-01-01\n")
    project.write("data/2024-01-02.csv", f"t,seen\n2024-01-02,{moment}\n")
    project.ingest(daily(), ["2024-01-01"])
    with pytest.raises(IngestError, match=f"seen breaks 'type date.*{rule[-10:]}" if rule != "type date" else "seen breaks 'type date'"):
        project.ingest(daily(), ["2024-01-02"])


def test_nor_does_the_event_time(project) -> None:
    project.write("data/2024-01-01.csv", "t,n\n2024-01-01,1\n")
    project.write("data/2024-01-02.csv", "t,n\n2024-01-02 17:45:00,1\n2024-01-02 00:00:00,2\n")
    dataset = daily(t={"type": "date"})
    project.ingest(dataset, ["2024-01-01"])
    (result,) = project.ingest(dataset, ["2024-01-02"])
    assert (result.rows, result.undated) == (1, 1)


def test_a_timestamp_of_parquet_with_a_time_of_day_is_no_date(project) -> None:
    moments = pa.array([datetime(2024, 1, 2), datetime(2024, 1, 2, 17, 45)], pa.timestamp("ms"))
    with pytest.raises(IngestError, match="'type date: has a time of day' in 1 row"):
        stored(project, of_parquet(project, moments, type="date"))


def test_nanoseconds_that_would_be_cut_off_are_violations(project) -> None:
    with pytest.raises(IngestError, match="finer than a microsecond' in 1 row"):
        stored(project, of_parquet(project, pa.array([1_000, 1_001], pa.timestamp("ns", tz="UTC")), type="datetime"))


def test_parquet_columns_of_several_zones_are_instants(project) -> None:
    moment = datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
    for zone in ("UTC", "Europe/Berlin", "Pacific/Kiritimati", "+05:30"):
        values = pa.array([moment], pa.timestamp("us", tz=zone))
        assert stored(project, of_parquet(project, values, type="datetime")) == [moment]


@pytest.mark.parametrize(
    ("values", "declared", "kept"),
    [
        (pa.array([1, 2], pa.int8()), {"type": "int64", "missing": [-999]}, [1, 2]),
        (pa.array([0, 255], pa.uint8()), {"type": "int64", "missing": [-1, 255]}, [0, None]),
        (pa.array([1.5, 2.0], pa.float32()), {"type": "float64", "missing": [10**40]}, [1.5, 2.0]),
        (pa.array([BEYOND, BEYOND - 1]), {"type": "int64", "missing": [BEYOND]}, [None, BEYOND - 1]),
        (pa.array([str(BEYOND), str(BEYOND - 1)]), {"type": "int64", "missing": [str(BEYOND)]}, [None, BEYOND - 1]),
        (
            pa.array([Decimal(BEYOND), Decimal(BEYOND - 1)], pa.decimal128(20, 0)),
            {"type": "int64", "missing": [BEYOND]},
            [None, BEYOND - 1],
        ),
    ],
)
def test_a_sentinel_of_parquet_nulls_itself_only(project, values: pa.Array, declared: Any, kept: list[Any]) -> None:
    assert stored(project, of_parquet(project, values, **declared)) == kept


def test_decimals_keep_their_digits_in_the_store(project) -> None:
    values = pa.array([Decimal("12345678901234567890.10"), None, Decimal("-0.01")], pa.decimal128(38, 2))
    dataset = of_parquet(project, values, type="decimal")
    assert stored(project, dataset) == [Decimal("12345678901234567890.10"), None, Decimal("-0.01")]


def test_infinities_are_values_of_a_measure_that_the_schema_can_refuse_or_null(project) -> None:
    project.write("a.csv", "k,ratio\n1,1.5\n2,inf\n3,2.5\n4,NaN\n5,-Infinity\n6,\n")

    def measure(**declared: Any) -> Dataset:
        ratio = {"type": "float64", "nullable": True, **declared}
        return Dataset.model_validate({"name": "m", "source": {"csv": "a.csv"}, "columns": {"ratio": ratio}})

    def ratios(dataset: Dataset) -> list[Any]:
        project.ingest(dataset)
        return [row["ratio"] for row in project.rows(dataset)]

    assert ratios(measure()) == [1.5, float("inf"), 2.5, None, float("-inf"), None]
    assert ratios(measure(missing=["inf", "-inf"])) == [1.5, None, 2.5, None, None, None]
    with pytest.raises(IngestError, match=r"ratio breaks 'finite' in 2 rows \(row 2, 5: inf, -inf; a.csv:3\)"):
        project.ingest(measure(finite=True))
    with pytest.raises(IngestError, match=r"ratio breaks 'le 1000' in 1 row \(row 2: inf; a.csv:3\)"):
        project.ingest(measure(le=1000))


def test_epochs_are_declarable(project) -> None:
    counts = pa.array([1_700_000_000_123, 0, -1])
    assert stored(project, of_parquet(project, counts, type="datetime", format="epoch_ms")) == [
        datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    ]
    floats = pa.array([1_700_000_000.25, 0.5])
    assert stored(project, of_parquet(project, floats, type="datetime", format="epoch_s"))[1] == datetime(
        1970, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC
    )
