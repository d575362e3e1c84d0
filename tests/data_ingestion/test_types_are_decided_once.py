"""A column without a declaration is typed at its first read; later files are read with that type from their own text."""

from __future__ import annotations

import json
import sqlite3
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.data.ingest import IngestError, stored_types
from mlops_assets.data.schema import SchemaError
from mlops_assets.spec import Dataset

DAYS = ["2024-01-01", "2024-01-02"]


def dataset(source: dict[str, Any] | None = None, **changes: Any) -> Dataset:
    given = {"source": source or {"csv": "data/{partition}.csv"}, "partitions": {"every": "day", "start": DAYS[0]}, "event_time": "t"}
    return Dataset(name="rows", **(given | changes))


def columns(project: Any, data: Dataset, key: str | None, *names: str) -> dict[str, list[Any]]:
    rows = project.rows(data, key)
    return {name: [row[name] for row in rows] for name in names}


def test_text_stays_the_text_that_is_written_when_a_later_file_looks_like_numbers(project: Any) -> None:
    project.write("data/2024-01-01.csv", "t,ver,flag,acct\n2024-01-01,1.0,x,A1\n2024-01-01,v2,y,A2\n")
    project.write(
        "data/2024-01-02.csv", "t,ver,flag,acct\n2024-01-02,1.0,TRUE,12345678901234567891\n2024-01-02,1.50,FALSE,12345678901234567892\n"
    )
    for key in DAYS:
        project.ingest(dataset(), [key])
    expected = {"ver": ["1.0", "1.50"], "flag": ["TRUE", "FALSE"], "acct": ["12345678901234567891", "12345678901234567892"]}
    assert columns(project, dataset(), DAYS[1], "ver", "flag", "acct") == expected


def test_json_numbers_booleans_and_times_are_the_text_that_is_written_where_the_column_is_text(project: Any) -> None:
    data = dataset({"json": "data/{partition}.json"})
    project.write("data/2024-01-01.json", '{"t": "2024-01-01", "ver": "v2", "flag": "x", "seen": "never"}\n')
    project.write(
        "data/2024-01-02.json",
        '{"t": "2024-01-02", "ver": 1.50, "flag": true, "seen": "2024-01-02T00:00:00"}\n'
        '{"t": "2024-01-02", "ver": 12345678901234567891, "flag": 1e2, "seen": null}\n',
    )
    for key in DAYS:
        project.ingest(data, [key])
    expected = {"ver": ["1.50", "12345678901234567891"], "flag": ["true", "1e2"], "seen": ["2024-01-02T00:00:00", None]}
    assert columns(project, data, DAYS[1], "ver", "flag", "seen") == expected


def test_a_database_column_that_was_text_stays_text(project: Any) -> None:
    data = dataset({"sql": {"url": f"sqlite:///{project.folder}/shop.db", "query": "select * from rows where t >= :start and t < :end"}})
    with sqlite3.connect(project.folder / "shop.db") as connection:
        connection.execute("create table rows (t text, ver)")
        connection.executemany("insert into rows values (?, ?)", [("2024-01-01", "v2"), ("2024-01-02", "1.50"), ("2024-01-02", 7)])
    for key in DAYS:
        project.ingest(data, [key])
    assert columns(project, data, DAYS[1], "ver") == {"ver": ["1.50", "7"]}


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_ids_beyond_64_bits_stay_two_ids(project: Any, suffix: str) -> None:
    ids = ["12345678901234567891", "12345678901234567892"]
    text = "id,x\n" + "".join(f"{one},1\n" for one in ids) if suffix == "csv" else "".join(f'{{"id": {one}, "x": 1}}\n' for one in ids)
    project.write(f"a.{suffix}", text)
    data = Dataset(name="rows", source={suffix: f"a.{suffix}"})
    project.ingest(data)
    assert columns(project, data, None, "id") == {"id": ids}


def test_decimals_of_parquet_keep_their_digits_and_unsigned_ids_stay_apart(project: Any) -> None:
    ids = [12345678901234567891, 12345678901234567892]
    table = pa.table(
        {
            "id": pa.array([Decimal(one) for one in ids], pa.decimal128(38, 0)),
            "price": pa.array([Decimal("0.10"), Decimal("12345678901234567.89")], pa.decimal128(38, 2)),
            "account": pa.array(ids, pa.uint64()),
        }
    )
    pq.write_table(table, project.folder / "a.parquet")
    data = Dataset(name="rows", source={"parquet": "a.parquet"})
    project.ingest(data)
    assert stored_types(data, project.store) == {"id": "decimal(0)", "price": "decimal(2)", "account": "string"}
    found = columns(project, data, None, "id", "price", "account")
    assert found["id"] == [Decimal(one) for one in ids]
    assert [str(one) for one in found["price"]] == ["0.10", "12345678901234567.89"]
    assert found["account"] == [str(one) for one in ids]


@pytest.mark.parametrize("later, stored", [("9007199254740993.0", 9007199254740993), ("7.50", None), ("1e3", None)])
def test_an_integer_column_takes_a_whole_number_exactly_or_says_so(project: Any, later: str, stored: int | None) -> None:
    project.write("data/2024-01-01.csv", "t,n\n2024-01-01,1\n")
    project.write("data/2024-01-02.csv", f"t,n\n2024-01-02,{later}\n")
    project.ingest(dataset(), DAYS[:1])
    if stored is None:
        with pytest.raises(IngestError, match=r"n breaks 'type int64.*data/2024-01-02\.csv:2"):
            project.ingest(dataset(), DAYS[1:])
        return
    project.ingest(dataset(), DAYS[1:])
    assert columns(project, dataset(), DAYS[1], "n") == {"n": [stored]}


def test_a_code_in_a_column_of_undeclared_numbers_does_not_lose_its_zeros(project: Any) -> None:
    project.write("data/2024-01-01.csv", "t,n\n2024-01-01,7\n")
    project.write("data/2024-01-02.csv", "t,n\n2024-01-02,7\n2024-01-02,007\n")
    project.ingest(dataset(), DAYS[:1])
    with pytest.raises(IngestError, match=r"n breaks 'no leading zero.*007.*data/2024-01-02\.csv:3"):
        project.ingest(dataset(), DAYS[1:])
    declared = dataset(columns={"n": {"type": "int64"}})
    project.ingest(declared, DAYS[1:])
    assert columns(project, declared, DAYS[1], "n") == {"n": [7, 7]}


def test_a_column_of_dates_does_not_swallow_a_time_of_day(project: Any) -> None:
    project.write("data/2024-01-01.csv", "t,seen\n2024-01-01,2024-01-01\n")
    project.write("data/2024-01-02.csv", "t,seen\n2024-01-02,2024-01-02 17:45:00\n")
    project.ingest(dataset(), DAYS[:1])
    with pytest.raises(IngestError, match=r"seen breaks 'type date.*2024-01-02\.csv:2"):
        project.ingest(dataset(), DAYS[1:])
    project.ingest(dataset(columns={"seen": {"type": "datetime"}}), DAYS[1:])
    assert columns(project, dataset(), DAYS[1], "seen")["seen"][0].isoformat() == "2024-01-02T17:45:00+00:00"


def test_an_event_time_of_dates_that_gets_times_is_told_with_its_place(project: Any) -> None:
    project.write("a.csv", "t,n\n2024-01-01,1\n2024-01-02,2\n")
    data = dataset({"csv": "a.csv"})
    project.ingest(data, DAYS[:1])
    project.write("a.csv", "t,n\n2024-01-01,1\n2024-01-02,2\n2024-01-02 17:45:00,3\n")
    (one,) = project.ingest(data, DAYS[1:])
    assert one.rows == 1
    assert one.read.left_out == {"in other partitions": 1, "unreadable event time": 1}
    assert [(violation.examples, violation.places) for violation in one.read.examples] == [(("2024-01-02 17:45:00",), ("a.csv:4",))]


def test_the_kind_of_a_column_does_not_depend_on_how_its_rows_are_cut(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlops_assets.data.sources import pieces

    rows = [f"{number},{number}.5,{'true' if number % 2 else 'false'},2024-01-0{number % 9 + 1},{number}" for number in range(1, 60)]
    rows += ["60,nan,x,2024-01-02 10:00,12345678901234567891"]
    project.write("a.csv", "id,x,flag,day,big\n" + "\n".join(rows) + "\n")
    data = Dataset(name="rows", source={"csv": "a.csv"})
    kinds = {"id": "int64", "x": "float64", "flag": "string", "day": "datetime", "big": "string"}
    monkeypatch.setattr(pieces, "PIECE_BYTES", 64)
    project.ingest(data)
    assert stored_types(data, project.store) == kinds
    assert columns(project, data, None, "flag")["flag"][:2] == ["true", "false"]
    assert columns(project, data, None, "big")["big"][-2:] == ["59", "12345678901234567891"]


@pytest.mark.parametrize(
    "cells, kind, stored",
    [
        (["1.5", "inf", "2.5", "NaN"], "float64", [1.5, float("inf"), 2.5, None]),
        (["nan", "-inf", "3", ""], "float64", [None, float("-inf"), 3.0, None]),
        (["Inf", "Nan", "Bob"], "string", ["Inf", "Nan", "Bob"]),
        (["nan", "inf"], "string", ["nan", "inf"]),
        (["007", "012"], "string", ["007", "012"]),
        (["9007199254740993", "0.5"], "string", ["9007199254740993", "0.5"]),
    ],
)
def test_a_number_stays_a_number_and_a_text_a_text(project: Any, cells: list[str], kind: str, stored: list[Any]) -> None:
    project.write("a.csv", "k,v\n" + "".join(f"{number},{cell}\n" for number, cell in enumerate(cells)))
    data = Dataset(name="rows", source={"csv": "a.csv"})
    project.ingest(data)
    assert (stored_types(data, project.store) or {})["v"] == kind
    assert columns(project, data, None, "v") == {"v": stored}


def test_prepare_gets_the_same_types_from_every_file(project: Any) -> None:
    (project.folder / "functions.py").write_text("def keep(frame):\n    frame['kind'] = str(frame['ver'].dtype)\n    return frame\n")
    project.write("data/2024-01-01.csv", "t,ver\n2024-01-01,v2\n")
    project.write("data/2024-01-02.csv", "t,ver\n2024-01-02,1.50\n")
    data = dataset(prepare=".functions:keep")
    for key in DAYS:
        project.ingest(data, [key])
    assert columns(project, data, DAYS[1], "ver", "kind") == {"ver": ["1.50"], "kind": ["object"]}


def test_a_value_that_is_not_what_prepare_got_before_is_told_with_its_line(project: Any) -> None:
    (project.folder / "functions.py").write_text("def keep(frame):\n    return frame\n")
    project.write("data/2024-01-01.csv", "t,n\n2024-01-01,1\n")
    project.write("data/2024-01-02.csv", "t,n\n2024-01-02,2\n2024-01-02,many\n")
    data = dataset(prepare=".functions:keep")
    project.ingest(data, DAYS[:1])
    with pytest.raises(Exception, match=r"2024-01-02\.csv:3: column 'n' was read as int64 before, and row 2 holds 'many'"):
        project.ingest(data, DAYS[1:])


@pytest.mark.parametrize(
    "one, other, how", [("Amt", "amt", "case"), ("café", "cafe\u0301", "their Unicode form"), (" x", "x", "the space around them")]
)
@pytest.mark.parametrize("suffix", ["parquet", "json", "csv"])
def test_columns_that_sql_takes_for_one_another_are_refused(project: Any, suffix: str, one: str, other: str, how: str) -> None:
    row = {"k": 1, one: 1, other: 10}
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), project.folder / "a.parquet")
    elif suffix == "json":
        project.write("a.json", json.dumps(row) + "\n")
    else:
        project.write("a.csv", ",".join(row) + "\n1,1,10\n")
    source = {suffix: {"path": f"a.{suffix}", **({"strip": False} if suffix == "csv" else {})}}
    with pytest.raises(SchemaError, match=rf"differ only by {how}"):
        project.ingest(Dataset(name="rows", source=source))
