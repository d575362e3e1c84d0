"""Columns that begin, end or are renamed in the middle of history; the order and grouping of reads does not matter."""

from __future__ import annotations

import itertools
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.data.ingest import IngestError
from mlops_assets.data.schema import SchemaError
from mlops_assets.data.store import open_store
from mlops_assets.spec import Dataset

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
FILES = {
    "2024-01-01": [{"t": "2024-01-01", "x": 1, "old": "a"}],
    "2024-01-02": [{"t": "2024-01-02", "x": 2, "y": 7, "old": "b"}],
    "2024-01-03": [{"t": "2024-01-03", "x": 3, "y": 8, "new": "c"}],
}
COLUMNS = {"y": {"type": "int64", "since": "2024-01-02"}, "new": {"type": "string", "was": "old"}}


def dataset(suffix: str, **columns: Any) -> Dataset:
    return Dataset(
        name="rows",
        source={suffix: f"data/{{partition}}.{suffix}"},
        partitions={"every": "day", "start": DAYS[0]},
        event_time="t",
        columns=columns,
    )


def write(project: Any, suffix: str, files: dict[str, list[dict[str, Any]]]) -> None:
    for key, rows in files.items():
        if suffix == "parquet":
            (project.folder / "data").mkdir(exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows), project.folder / "data" / f"{key}.parquet")
        elif suffix == "csv":
            text = ",".join(rows[0]) + "\n" + "".join(",".join(str(value) for value in row.values()) + "\n" for row in rows)
            project.write(f"data/{key}.csv", text)
        else:
            import json

            project.write(f"data/{key}.json", "".join(json.dumps(row) + "\n" for row in rows))


def versions(project: Any, data: Dataset, groups: list[list[str]], name: str) -> dict[str, str]:
    """Data version of each partition in a store of its own, after reads in these groups."""
    from mlops_assets.data.ingest import ingest

    store = open_store(str(project.folder / name))
    for group in groups:
        list(ingest(data, group, store, project.context))
    return {key: manifest.digest for key in DAYS if (manifest := store.current("rows", key)) is not None}


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_any_order_and_grouping_of_reads_gives_the_same_versions(project: Any, suffix: str) -> None:
    write(project, suffix, FILES)
    data = dataset(suffix, x={"type": "int64"}, **COLUMNS)
    whole = versions(project, data, [DAYS], "whole")
    assert len(whole) == 3
    for number, order in enumerate(itertools.permutations(DAYS)):
        assert versions(project, data, [[key] for key in order], f"single{number}") == whole
        assert versions(project, data, [list(order[:2]), list(order[2:])], f"pair{number}") == whole


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_rows_before_a_column_began_have_nulls_and_its_old_name_is_read(project: Any, suffix: str) -> None:
    write(project, suffix, FILES)
    data = dataset(suffix, **COLUMNS)
    project.ingest(data, DAYS)
    rows = [row for key in DAYS for row in project.rows(data, key)]
    assert [(row["y"], row["new"]) for row in rows] == [(None, "a"), (7, "b"), (8, "c")]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_nullable_column_may_begin_in_the_middle_of_history(project: Any, suffix: str) -> None:
    write(project, suffix, {key: [{name: value for name, value in rows[0].items() if name in "txy"}] for key, rows in FILES.items()})
    data = dataset(suffix, y={"type": "int64", "nullable": True})
    for key in DAYS:
        project.ingest(data, [key])
    assert [project.rows(data, key)[0]["y"] for key in DAYS] == [None, 7, 8]


def test_a_column_that_should_be_there_and_is_not_blocks_its_partitions_alone(project: Any) -> None:
    write(project, "csv", {**FILES, "2024-01-02": [{"t": "2024-01-02", "x": 2, "old": "b"}]})
    data = dataset("csv", **COLUMNS)
    with pytest.raises(IngestError, match=r"partition 2024-01-02: all 1 rows break a rule: y breaks 'not missing'"):
        project.ingest(data, DAYS)
    assert project.store.partitions("rows") == [DAYS[0], DAYS[2]]


def test_a_column_that_ended_has_nulls_from_then_on(project: Any) -> None:
    write(project, "csv", {DAYS[0]: [{"t": DAYS[0], "z": 1}], DAYS[1]: [{"t": DAYS[1]}]})
    data = dataset("csv", z={"type": "int64", "until": DAYS[1]})
    project.ingest(data, DAYS[:2])
    assert [project.rows(data, key)[0]["z"] for key in DAYS[:2]] == [1, None]
    write(project, "csv", {DAYS[0]: [{"t": DAYS[0]}]})
    with pytest.raises(IngestError, match="z breaks 'not missing'"):
        project.ingest(data, DAYS[:1])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_undeclared_column_that_begins_is_refused_in_any_order(project: Any, suffix: str) -> None:
    write(project, suffix, {key: [{name: value for name, value in rows[0].items() if name in "txy"}] for key, rows in FILES.items()})
    data = dataset(suffix)
    project.ingest(data, DAYS[:1])
    with pytest.raises(SchemaError, match=r"new column 'y'.*since"):
        project.ingest(data, DAYS[1:])
    with pytest.raises(SchemaError, match=r"differ .* in y"):
        versions(project, data, [DAYS], "fresh")


def test_a_misspelt_nullable_column_is_not_a_column_of_nulls(project: Any) -> None:
    write(project, "csv", {DAYS[0]: [{"t": DAYS[0], "amuont": 1}]})
    with pytest.raises(SchemaError, match=r"no column 'amount'.*Did you mean 'amuont'"):
        project.ingest(dataset("csv", amount={"type": "int64", "nullable": True}), DAYS[:1])
    project.write("a.csv", "x\n1\n")
    with pytest.raises(SchemaError, match="no column 'y'"):
        project.ingest(Dataset(name="table", source={"csv": "a.csv"}, columns={"y": {"type": "int64", "nullable": True}}))


def test_two_names_of_one_column_at_once_are_refused(project: Any) -> None:
    write(project, "csv", {DAYS[0]: [{"t": DAYS[0], "old": "a", "new": "b"}]})
    with pytest.raises(SchemaError, match="'new' and 'old' are both there"):
        project.ingest(dataset("csv", new={"type": "string", "was": "old"}), DAYS[:1])


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_a_row_in_the_file_of_another_day_is_left_out_and_counted_however_it_is_read(project: Any, suffix: str) -> None:
    write(project, suffix, {DAYS[0]: [{"t": DAYS[0], "x": 1}, {"t": DAYS[1], "x": 9}], DAYS[1]: [{"t": DAYS[1], "x": 2}]})
    data = dataset(suffix)
    alone = versions(project, data, [[DAYS[0]], [DAYS[1]]], "alone")
    assert versions(project, data, [DAYS[:2]], "together") == alone
    (first, second) = project.ingest(data, DAYS[:2])
    assert [row["x"] for row in project.rows(data, DAYS[1])] == [2]
    assert first.read.left_out == {"event time outside the partition of its file": 1}
    assert second.manifest.accounting == {"read": 1, "stored": 1, "quarantined": 0, "left_out": {}}
