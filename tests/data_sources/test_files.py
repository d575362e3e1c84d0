"""CSV, Parquet and JSON files."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.data.ingest.tables import read_source
from mlops_assets.data.schema import SchemaError
from mlops_assets.data.sources import SourceError
from mlops_assets.spec import Dataset

DAILY = {"every": "day", "start": "2026-01-01"}
JANUARY = (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC))


def test_csv_types_are_inferred_from_all_values(project) -> None:
    project.write(
        "t.csv",
        "n,x,flag,day,at,code,word,gone\n1,1,true,2026-01-01,2026-01-01 10:00,007,a,\n2,2.5,FALSE,2026-01-02,2026-01-02T11:00,008,,\n",
    )
    table = read_source(Dataset(name="t", source={"csv": "t.csv"}), None, project.context)
    assert table.to_pylist()[0] == {
        "n": 1,
        "x": 1.0,
        "flag": True,
        "day": date(2026, 1, 1),
        "at": datetime(2026, 1, 1, 10, tzinfo=UTC),
        "code": "007",
        "word": "a",
        "gone": None,
    }
    assert table["word"].to_pylist() == ["a", None]


def test_csv_declared_types_win_and_spaces_and_missing_words_go(project) -> None:
    project.write("t.csv", 'id; job; paid; since\n 0007 ; ? ; yes ; 31.12.2025\n8;" cook ";no;?\n')
    dataset = Dataset(
        name="t",
        source={"csv": {"path": "t.csv", "separator": ";"}},
        columns={
            "id": {"type": "string"},
            "job": {"type": "category", "missing": ["?"], "nullable": True},
            "paid": {"type": "bool"},
            "since": {"type": "date", "format": "%d.%m.%Y", "missing": ["?"], "nullable": True},
        },
    )
    project.ingest(dataset)
    assert project.rows(dataset) == [
        {"id": "0007", "job": None, "paid": True, "since": date(2025, 12, 31)},
        {"id": "8", "job": "cook", "paid": False, "since": None},
    ]


def test_csv_without_header_or_quotes_and_compressed(project) -> None:
    (project.folder / "t.tsv.gz").write_bytes(gzip.compress(b'skipped\nham\tsay "hi\nspam\t10" pipe\n'))
    source = {"path": "t.tsv.gz", "separator": "\t", "quote": None, "header": False, "names": ["label", "text"], "skip_lines": 1}
    table = read_source(Dataset(name="t", source={"csv": source}), None, project.context)
    assert table.to_pydict() == {"label": ["ham", "spam"], "text": ['say "hi', '10" pipe']}
    unnamed = read_source(Dataset(name="t", source={"csv": {**source, "names": None}}), None, project.context)
    assert unnamed.column_names == ["column_1", "column_2"]


def test_csv_quoted_line_ends_byte_order_mark_and_other_encodings(project) -> None:
    (project.folder / "bom.csv").write_bytes('\ufeffa,b\n1,"x\ny"\n'.encode())
    (project.folder / "latin.csv").write_bytes("a\nMüller\n".encode("latin-1"))
    assert read_source(Dataset(name="t", source={"csv": "bom.csv"}), None, project.context).to_pylist() == [{"a": 1, "b": "x\ny"}]
    latin = Dataset(name="t", source={"csv": {"path": "latin.csv", "encoding": "latin-1"}})
    assert read_source(latin, None, project.context).to_pylist() == [{"a": "Müller"}]
    with pytest.raises(SourceError, match="declared as utf-8"):
        read_source(Dataset(name="t", source={"csv": "latin.csv"}), None, project.context)


@pytest.mark.parametrize(
    ("text", "message"),
    [("a,b\n1,2\n1,2,3\n", r"bad\.csv:3: this row has 3 fields"), ("a,a\n1,2\n", "more than once")],
)
def test_csv_that_is_none_is_refused_by_name(project, text: str, message: str) -> None:
    project.write("bad.csv", text)
    with pytest.raises(SourceError, match=message) as error:
        read_source(Dataset(name="t", source={"csv": "bad.csv"}), None, project.context)
    assert "bad.csv" in str(error.value)


def test_missing_files_are_named_with_the_nearest_one(project) -> None:
    project.write("data/orders.csv", "a\n1\n")
    for path, message in [("data/order.csv", r"Did you mean 'orders\.csv'"), ("data/*.txt", "no file matches"), ("data", "a folder")]:
        with pytest.raises(SourceError, match=message):
            read_source(Dataset(name="t", source={"csv": path}), None, project.context)


def test_a_glob_reads_all_files_in_order_and_refuses_differing_columns(project) -> None:
    project.write("d/b.csv", "x,y\n3,c\n")
    project.write("d/a.csv", "y,x\na,1\nb,2.5\n")
    table = read_source(Dataset(name="t", source={"csv": "d/*.csv"}), None, project.context)
    assert table.to_pydict() == {"y": ["a", "b", "c"], "x": [1.0, 2.5, 3.0]}
    project.write("d/c.csv", "x,z\n3,c\n")
    with pytest.raises(SchemaError, match="y, z"):
        read_source(Dataset(name="t", source={"csv": "d/*.csv"}), None, project.context)


def test_a_partition_in_the_path_reads_only_its_files(project) -> None:
    for day in (1, 2, 3, 4):
        project.write(f"in/2026-01-0{day}.csv", f"n,at\n{day},2026-01-0{day}\n")
    dataset = Dataset(name="t", source={"csv": "in/{partition}.csv"}, partitions=DAILY, event_time="at")
    assert read_source(dataset, JANUARY, project.context)["n"].to_pylist() == [2, 3]
    assert read_source(dataset, None, project.context)["n"].to_pylist() == [1, 2, 3, 4]
    (project.folder / "in" / "2026-01-03.csv").unlink()
    with pytest.raises(SourceError, match=r"2026-01-03\.csv: there is no such file"):
        read_source(dataset, JANUARY, project.context)


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize("unit", ["us", "ns"])
def test_parquet_reads_only_the_window_and_what_has_no_time(project, zone: str | None, unit: str) -> None:
    at = [datetime(2026, 1, 1, 22, 59), datetime(2026, 1, 1, 23, 30), datetime(2026, 1, 3, 22, 59), datetime(2026, 1, 3, 23), None]
    moments = pa.array(at, pa.timestamp("us", "UTC")).cast(pa.timestamp(unit, "UTC"))
    stored = (
        moments.cast(pa.timestamp(unit, zone)) if zone else pa.compute.local_timestamp(moments.cast(pa.timestamp(unit, "Europe/Berlin")))
    )
    pq.write_table(pa.table({"n": range(5), "at": stored}), project.folder / "t.parquet", version="2.6")
    dataset = Dataset(name="t", source={"parquet": "t.parquet"}, partitions={**DAILY, "timezone": "Europe/Berlin"}, event_time="at")
    window = (datetime(2026, 1, 1, 23, tzinfo=UTC), datetime(2026, 1, 3, 23, tzinfo=UTC))
    assert read_source(dataset, window, project.context)["n"].to_pylist() == [1, 2, 4]


def test_parquet_from_an_fsspec_url_and_files_that_are_none(project) -> None:
    import fsspec

    with fsspec.open("memory://lake/t.parquet", "wb") as file:
        pq.write_table(pa.table({"n": [1]}), file)
    for path in ("memory://lake/t.parquet", "memory://lake/*.parquet"):
        assert read_source(Dataset(name="t", source={"parquet": path}), None, project.context).to_pydict() == {"n": [1]}
    with pytest.raises(SourceError, match="no such file"):
        read_source(Dataset(name="t", source={"parquet": "memory://lake/x.parquet"}), None, project.context)
    project.write("bad.parquet", "no parquet")
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        read_source(Dataset(name="t", source={"parquet": "bad.parquet"}), None, project.context)


ROWS = [{"n": 1, "at": "2026-01-01T10:00:00Z", "w": "a"}, {"n": 2, "at": None}, {"n": 3.5, "w": "b"}]


@pytest.mark.parametrize("text", [json.dumps(ROWS), "\n".join(map(json.dumps, ROWS)) + "\n"], ids=["array", "lines"])
def test_json_lines_and_arrays_give_the_same_rows(project, text: str) -> None:
    project.write("t.json", text)
    dataset = Dataset(name="t", source={"json": "t.json"}, columns={"at": {"type": "datetime", "nullable": True}})
    project.ingest(dataset)
    assert project.rows(dataset) == [
        {"n": 1.0, "at": datetime(2026, 1, 1, 10, tzinfo=UTC), "w": "a"},
        {"n": 2.0, "at": None, "w": None},
        {"n": 3.5, "at": None, "w": "b"},
    ]


def test_json_that_mixes_types_is_text_and_json_that_is_none_names_the_line(project) -> None:
    project.write("mixed.json", '{"x": 1}\n{"x": "a"}\n')
    assert read_source(Dataset(name="t", source={"json": "mixed.json"}), None, project.context)["x"].to_pylist() == ["1", "a"]
    project.write("bad.json", '{"x": 1}\n{"x": \n')
    with pytest.raises(SourceError, match=r"bad\.json:2: this is no JSON"):
        read_source(Dataset(name="t", source={"json": "bad.json"}), None, project.context)
    project.write("numbers.json", "[1, 2]")
    with pytest.raises(SourceError, match="item 1"):
        read_source(Dataset(name="t", source={"json": "numbers.json"}), None, project.context)
