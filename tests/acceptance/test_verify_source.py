"""`mlops store verify --source`: what an earlier version of this library stored wrongly is found and named, and only that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from .conftest import Project

DATASET = """
type: mlops_assets.Dataset
attributes:
  name: r
  source: {csv: "data/{partition}.csv"}
  partitions: {every: day, start: 2024-01-01}
  event_time: t
"""
TIME = pa.timestamp("us", tz="UTC")


def kept(project: Project, kinds: Mapping[str, str], partitions: Mapping[str | None, pa.Table]) -> None:
    """Store partitions and pin columns as earlier versions did: nothing says from which state of a file."""
    project.store.set_pointer("schema/r", {"columns": [[name, kind] for name, kind in kinds.items()]})
    for key, table in partitions.items():
        project.store.write("r", key, table)


def verified(project: Project, code: int) -> dict[str, Any]:
    """What is said of the data set."""
    answer = project.mlops("store", "verify", "--source", "r", "--json")
    assert answer.code == code, answer.text
    (found,) = answer.document["datasets"]
    assert answer.document["sound"] == found["sound"] == (code == 0)
    return dict(found)


def day(key: str, **columns: Sequence[Any]) -> pa.Table:
    """Rows of a day with these further columns."""
    count = len(next(iter(columns.values())))
    return pa.table({"t": pa.array([datetime.fromisoformat(f"{key}T00:00:00").replace(tzinfo=UTC)] * count, TIME), **columns})


def test_text_that_was_stored_as_another_text(project: Project) -> None:
    project.declare("r", DATASET.lstrip("\n"))
    project.put("data/2024-01-01.csv", "t,ver,flag\n2024-01-01,1.0,x\n2024-01-01,v2,y\n")
    project.put("data/2024-01-02.csv", "t,ver,flag\n2024-01-02,1.0,TRUE\n2024-01-02,1.50,FALSE\n")
    kinds = {"t": "datetime", "ver": "string", "flag": "string"}
    right = {"2024-01-01": day("2024-01-01", ver=["1.0", "v2"], flag=["x", "y"])}
    kept(project, kinds, right | {"2024-01-02": day("2024-01-02", ver=["1", "1.5"], flag=["true", "false"])})
    found = verified(project, 1)
    (one,) = found["differing"]
    assert (found["compared"], one["partition"], one["files"]) == (2, "2024-01-02", "unknown")
    assert set(one["columns"]) == {"ver", "flag"}
    told = project.mlops("store", "verify", "--source").text
    assert "ver='1.5', flag='false'" in told
    assert "ver='1.50', flag='FALSE'" in told
    assert "2024-01-01" not in told.replace("2024-01-02", "").replace("2 stored", ""), "the partition that is right is not named"
    kept(project, kinds, {"2024-01-02": day("2024-01-02", ver=["1.0", "1.50"], flag=["TRUE", "FALSE"])})
    assert verified(project, 0)["differing"] == []


@pytest.mark.parametrize("source", ["csv", "json"])
def test_ids_that_a_pinned_number_hides(project: Project, source: str) -> None:
    project.declare("r", f"type: mlops_assets.Dataset\nattributes:\n  name: r\n  source: {{{source}: data/a.{source}}}\n")
    big, other = 12345678901234567891, 12345678901234567892
    rows = [(1, big, "5"), (2, other, "007")]
    content = {
        "csv": "k,id,code\n" + "".join(f"{k},{number},{code}\n" for k, number, code in rows),
        "json": "".join(f'{{"k": {k}, "id": {number}, "code": "{code}"}}\n' for k, number, code in rows),
    }
    project.put(f"data/a.{source}", content[source])
    table = pa.table({"k": [1, 2], "id": [float(big), float(other)], "code": pa.array([5, 7], pa.int64())})
    kept(project, {"k": "int64", "id": "float64", "code": "int64"}, {None: table})
    (one,) = verified(project, 1)["differing"]
    hidden = {found["column"]: (found["count"], found["examples"]) for found in one["inexact"]}
    assert hidden["id"] == (2, [["1.2345678901234567e+19", str(big)], ["1.2345678901234567e+19", str(other)]])
    assert hidden["code"] == (1, [["7", "007"]])
    told = project.mlops("store", "verify", "--source", "r").text
    assert f"stored as float64 1.2345678901234567e+19, written {big}" in told


def test_measures_and_whole_numbers_that_a_float_holds_are_what_is_written(project: Project) -> None:
    project.declare("r", "type: mlops_assets.Dataset\nattributes:\n  name: r\n  source: {csv: data/a.csv}\n")
    project.put("data/a.csv", "x,y\n0.1,1.50\n-0.30000000000000004,9007199254740992\n1e300,0.1234567890123456789\n2.,18014398509481984.0\n")
    table = pa.table(
        {"x": [0.1, -0.30000000000000004, 1e300, 2.0], "y": [1.5, 9007199254740992.0, 0.12345678901234568, 18014398509481984.0]}
    )
    kept(project, {"x": "float64", "y": "float64"}, {None: table})
    assert verified(project, 0)["differing"] == []


def test_decimals_of_parquet_that_became_floats(project: Project) -> None:
    import decimal

    import pyarrow.parquet as pq

    project.declare("r", "type: mlops_assets.Dataset\nattributes:\n  name: r\n  source: {parquet: data/a.parquet}\n")
    (project.folder / "data").mkdir()
    written = [decimal.Decimal("12345678901234567891"), decimal.Decimal("2")]
    pq.write_table(pa.table({"id": pa.array(written, pa.decimal128(38, 0))}), project.folder / "data/a.parquet")
    kept(project, {"id": "float64"}, {None: pa.table({"id": [float(value) for value in written]})})
    (one,) = verified(project, 1)["differing"]
    assert one["inexact"][0]["examples"] == [["1.2345678901234567e+19", "12345678901234567891"]]


def test_a_time_of_day_that_was_cut_is_named_with_the_cell(project: Project) -> None:
    project.declare("r", DATASET.lstrip("\n"))
    project.put("data/2024-01-01.csv", "t,seen\n2024-01-01,2024-01-01\n")
    project.put("data/2024-01-02.csv", "t,seen\n2024-01-02,2024-01-02 17:45:00\n")
    days = {key: day(key, seen=pa.array([date.fromisoformat(key)])) for key in ("2024-01-01", "2024-01-02")}
    kept(project, {"t": "datetime", "seen": "date"}, {**days})
    found = verified(project, 1)
    assert [one["partition"] for one in found["differing"]] == ["2024-01-02"]
    assert "2024-01-02 17:45:00" in project.mlops("store", "verify", "--source").text


def test_a_partition_that_was_lost_between_two_others(project: Project) -> None:
    project.declare("r", DATASET.replace("data/{partition}.csv", "data/r.csv").lstrip("\n"))
    project.put("data/r.csv", "t,v\n" + "".join(f"2024-01-0{number},{number}\n" for number in range(1, 9)))
    keys = ["2024-01-01", "2024-01-03", "2024-01-08"]
    kept(project, {"t": "datetime", "v": "int64"}, {key: day(key, v=[int(key[-1])]) for key in keys})
    (one,) = verified(project, 1)["differing"]
    assert (one["partition"], one["stored"], one["added"]) == ("2024-01-02", False, 1)
    project.put("data/r.csv", "t,v\n2024-01-01,1\n2024-01-03,3\n2024-01-08,8\n")
    assert verified(project, 0)["compared"] == 3


def test_whether_the_file_is_the_one_that_was_read_and_nothing_private_is_shown(project: Project) -> None:
    columns = "  primary_key: [id]\n  columns: {id: {type: int64}, name: {type: string, pii: true}}\n"
    project.declare("r", DATASET.replace("  event_time: t\n", f"  event_time: t\n{columns}").lstrip("\n"))
    project.put("data/2024-01-01.csv", "t,id,name\n2024-01-01,1,Smith\n")
    project.put("data/2024-01-02.csv", "t,id,name\n2024-01-02,2,Brown\n")
    names = {"2024-01-01": (1, "Smith"), "2024-01-02": (2, "Brown")}
    kept(project, {"t": "datetime", "id": "int64", "name": "string"}, {k: day(k, id=[n], name=[v]) for k, (n, v) in names.items()})
    read = project.mlops("refresh", "r")
    assert "nothing changed" in read.text
    project.put("data/2024-01-01.csv", "t,id,name\n2024-01-01,1,Jones\n")
    wrong = day("2024-01-02", id=[2], name=["Green"])
    before = project.store.current("r", "2024-01-02")
    assert before is not None
    known = project.store.get_pointer("reads/r")
    assert known is not None
    state = known["partitions"]["2024-01-02"][1]
    project.store.write("r", "2024-01-02", wrong, read_from={"files": 1, "bytes": 1, "digest": state})
    found = verified(project, 1)
    assert {one["partition"]: one["files"] for one in found["differing"]} == {"2024-01-01": "another", "2024-01-02": "same"}
    answer = project.mlops("store", "verify", "--source")
    assert "the file is the one that was read, so what is stored is wrong" in answer.text
    assert "id=2, name='(personal data)'" in answer.text
    assert not [name for name in ("Smith", "Jones", "Green", "Brown") if name in answer.text]


def test_a_source_that_cannot_be_read_is_no_pass(project: Project) -> None:
    project.declare("r", DATASET.lstrip("\n"))
    project.put("data/2024-01-01.csv", "t,v\n2024-01-01,1\n")
    kept(project, {"t": "datetime", "v": "int64"}, {key: day(key, v=[1]) for key in ("2024-01-01", "2024-01-02")})
    (one,) = verified(project, 1)["differing"]
    assert (one["partition"], one["reasons"]) == ("2024-01-02", ["the file that it was read from is gone"])
    assert project.mlops("store", "verify", "r").code == 2
    assert project.mlops("store", "verify", "--source", "rr").code == 2
