"""Delimited files as they are found: read as they are meant, or refused with the line and what to do."""

from __future__ import annotations

import bz2
import codecs
import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.data.ingest.tables import read_source
from mlops_assets.data.schema import SchemaError
from mlops_assets.data.sources import SourceError, pieces
from mlops_assets.data.sources.csv import read_file
from mlops_assets.data.sources.delimited import pieces as delimited
from mlops_assets.data.sources.paths import SourceFile
from mlops_assets.spec import Dataset
from mlops_assets.spec.sources import CsvFormat

Read = tuple[list[str], list[Any], list[int]]
COMMENTS = {"comment": "#"}
ROWS = Dataset(name="rows", source={"csv": "rows.csv"})


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Reads content as text: the names, the rows, and the lines of the rows."""

    def reading(
        content: str | bytes, name: str = "rows.csv", dataset: Dataset = ROWS, **form: Any
    ) -> tuple[list[str], list[Any], list[int]]:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        found = list(read_file(SourceFile(str(path)), CsvFormat(**form), dataset))
        rows = [tuple(row.values()) for one in found for row in one.table.to_pylist()]
        lines = [one.line_of(one.first + row) for one in found for row in range(one.table.num_rows) if one.line_of]
        return found[0].table.column_names, rows, lines

    return reading


@pytest.mark.parametrize(
    ("content", "form", "names", "rows", "lines"),
    [
        ("\nid,name\n1,x\n2,y\n", {}, ["id", "name"], [("1", "x"), ("2", "y")], [3, 4]),
        ("\r\n \t\n\nid,name\n\n1,x\n  \n2,y", {}, ["id", "name"], [("1", "x"), ("2", "y")], [6, 8]),
        ('id,"Unit price\n(EUR)"\n1,5\n2,6\n', {}, ["id", "Unit price\n(EUR)"], [("1", "5"), ("2", "6")], [3, 4]),
        ('"a ""b""","c,d"\n1,x\n', {}, ['a "b"', "c,d"], [("1", "x")], [2]),
        ("id,x\r1,a\r3,b\r", {}, ["id", "x"], [("1", "a"), ("3", "b")], [2, 3]),
        ("id,x\r1,a\n2,b\r\n3,c\r\r\n4,d", {}, ["id", "x"], [("1", "a"), ("2", "b"), ("3", "c"), ("4", "d")], [2, 3, 4, 6]),
        ("id,x\n1,a\x85b\n2,c\u2028d\n", {}, ["id", "x"], [("1", "a\x85b"), ("2", "c\u2028d")], [2, 3]),
        (
            'id,x\n1,"a\r\nb"\n2,"c\n\n# d"\n3,e\n',
            {"comment": "#"},
            ["id", "x"],
            [("1", "a\r\nb"), ("2", "c\n\n# d"), ("3", "e")],
            [2, 4, 7],
        ),
        ("# it's \"so\n\nid,x\n# 1,2,3\n1,a\n# end", {"comment": "#"}, ["id", "x"], [("1", "a")], [5]),
        ('title\n"open\nid,x\n1,a\n', {"skip_lines": 2}, ["id", "x"], [("1", "a")], [4]),
        ('id,pipe\n1,5" pipe\n2,a "b" c\n3,"3"""\n', {}, ["id", "pipe"], [("1", '5" pipe'), ("2", 'a "b" c'), ("3", '3"')], [2, 3, 4]),
        ('id,x\n1,"a" \n2,"b"\t\n', {}, ["id", "x"], [("1", "a"), ("2", "b")], [2, 3]),
        ("id|x\n1|'a|b'\n", {"separator": "|", "quote": "'"}, ["id", "x"], [("1", "a|b")], [2]),
        ('id\tx\n1\t"a\n2\tb"\n', {"separator": "\t", "quote": None}, ["id", "x"], [("1", '"a'), ("2", 'b"')], [2, 3]),
        ("id,,x,\n1,a,b,\n", {}, ["id", "column_2", "x", "column_4"], [("1", "a", "b", None)], [2]),
        (" id , x \n 1 , a \n", {"strip": False}, [" id ", " x "], [(" 1 ", " a ")], [2]),
        ('id,x\n1,""\n2,\n', {}, ["id", "x"], [("1", None), ("2", None)], [2, 3]),
        ("id,x\n1,a\n", {"names": ["one", "two"]}, ["one", "two"], [("1", "a")], [2]),
        ("\n1,a\n", {"names": ["one", "two"], "header": False}, ["one", "two"], [("1", "a")], [2]),
        ("1,a\n2,b\n", {"header": False}, ["column_1", "column_2"], [("1", "a"), ("2", "b")], [1, 2]),
        ("id,x\n1,a\0b\n", {}, ["id", "x"], [("1", "a\0b")], [2]),
    ],
)
def test_what_is_sound_is_read(read: Any, content: str, form: dict[str, Any], names: list[str], rows: list[Any], lines: list[int]) -> None:
    assert read(content, **form) == (names, rows, lines)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1", "shift_jis", "utf-8-sig", "cp037"])
def test_header_and_body_are_read_in_the_declared_encoding(read: Any, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    word = "表" if encoding.startswith(("utf", "shift")) else "ü"
    text = f"id,{word}\n1,{word}{word}\n2,x\n"
    for size in (1, 2, 5, 2**22):
        monkeypatch.setattr(delimited, "CHUNK_BYTES", size)
        monkeypatch.setattr(delimited, "HEAD_BYTES", size)
        assert read(text.encode(encoding), encoding=encoding) == (["id", word], [("1", word * 2), ("2", "x")], [2, 3])


@pytest.mark.parametrize(
    "mark, encoding", [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF8, "utf-8")]
)
def test_a_byte_order_mark_is_no_part_of_the_first_name(read: Any, mark: bytes, encoding: str) -> None:
    assert read(mark + "id,x\n1,a\n".encode(encoding), encoding=encoding)[0] == ["id", "x"]


def test_a_byte_order_mark_within_a_file_is_text_wherever_blocks_end(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 2**22):
        monkeypatch.setattr(delimited, "CHUNK_BYTES", size)
        assert read("id,x\n1,a\n\ufeff2,b\n")[1] == [("1", "a"), ("\ufeff2", "b")]


@pytest.mark.parametrize(
    ("content", "form", "line", "said"),
    [
        (b"id,x\n1,a\n2,M\xfcller\n", {}, 3, "bytes FC 6C 6C 65 are no text in utf-8.*would read it: cp1252, latin-1"),
        (b"id,M\xfcller\n1,a\n", {}, 1, "bytes FC 6C 6C 65 are no text in utf-8"),
        (b'"id\n2",M\xfcller\n1,a\n', {}, 2, "bytes FC"),
        (b"id,x\n1,\x81\n", {"encoding": "cp1252"}, 2, "81 .*no text in cp1252.*read it: latin-1"),
        (b"id,x\n\n1,\x81\x9d\n", {}, 3, "read it: latin-1"),
        (b"id,x\n1,\xc3\xbc\n", {"encoding": "ascii"}, 2, "no text in ascii.*read it: utf-8"),
        ("id,x\n1,a\n".encode("utf-16"), {}, 1, "byte order mark of utf-16.*encoding: utf-16"),
        ("id,x\n1,a\n".encode("utf-8-sig"), {"encoding": "latin-1"}, 1, "byte order mark of utf-8.*encoding: utf-8"),
        ("id,x\n1,a\n".encode("utf-16-le"), {}, 1, "NUL bytes.*utf-16"),
        ("id,x\n1,a\n".encode("utf-16-le"), {"encoding": "latin-1"}, 1, "NUL bytes.*utf-16"),
        (b"id,x\n1,a\n", {"encoding": "utf-16"}, 1, "encoding: utf-8"),
        ("id,x\n1,a\n2,b".encode("utf-16")[:-1], {"encoding": "utf-16"}, 3, "no text in utf-16"),
        (b"id,x\n1,a\n" + bytes(4096), {}, 3, "NUL bytes"),
        (gzip.compress(b"id,x\n1,a\n", mtime=0), {}, 1, "name it .gz"),
        (b"id,x\n1,a\n", {"encoding": "klingon"}, None, "no text encoding.*utf-8"),
        (b"id,x\n1,a\n", {"encoding": "hex"}, None, "no text encoding"),
        ("id,x\n1,a\n2\n3,b\n", {}, 3, r"1 field, but 2 are in the first row, line 1\. It begins with '2'"),
        ("id,x\n1,a\n2,b,c\n3,d\n4,e,f\n", {}, 3, r"3 fields \(so has 1 other up to line 5\)"),
        ('id,x\n1,"a\n\n"\n2\n', {}, 5, "1 field"),
        ("id,x\n1,a,\n2,b,\n", {}, 2, r"separator: declare names.*3 fields in all"),
        ("id,x\n1,a,b\n", {"names": ["id", "x"]}, 2, r"3 fields, but 2 columns are declared.*as many names"),
        ("1,a\n", {"names": ["id", "x", "y"], "header": False}, 1, r"2 fields, but 3 columns are declared"),
        ("id,x\n1,a\n# note\n", {}, 3, r'declare comment: "#"'),
        ('id,x\n1, "a, b"\n2,c\n', {}, 2, "space before"),
        ("id,x\n1,a\rb\n2,c\n", {}, 3, "1 field"),
        ("Report,2024\n\nid,x,y\n1,2,3\n2,3,4\n", {}, 3, r"declare skip_lines: 2"),
        ('id,x\n1,a\n2,"b\n3,c\n', {}, 3, r'quote " that opens a field here is never closed'),
        ('id,x\n1,a\n2,"b\n3,c\n4,"d"\n5,e\n', {}, 3, r"closed in line 5, but the field goes on.*quote: null"),
        ('id,"x\n1,a\n', {}, 1, "never closed"),
        ('id,x\n1,"say \\"hi\\""\n', {}, 2, "A backslash does not protect a quote"),
        ('id,x\n1,"a"b\n', {}, 2, "closed in the same line"),
        ('id,x\n1,"a" b\n', {"strip": False}, 2, "closed in the same line"),
        ("# exported 2024\nid,x\n1,a\n", {}, 1, r'declare comment: "#"|Declare comment: "#"'),
        ("\n# exported, by me, today\nid,x\n1,a\n", {}, 2, 'Declare comment: "#"'),
        ("% one\n% two\nid,x\n1,a\n", {"names": ["id", "x"]}, 1, 'Declare comment: "%"'),
        ("# one\n1,a\n2,b\n", {"header": False}, 1, 'Declare comment: "#"'),
        ("a;b;c\n1;2;3\n", {}, 1, r'";" gives 3 in each of the first 2 rows.*separator: ";"'),
        ('a\tb\n1,5\t"x"\n', {}, 1, r'separator: "\\t"'),
        ("a,b\n1,2\n", {"separator": "|"}, 1, 'separator: ","'),
        ('"a";"b"\n"x";"y"\n', {}, 1, "Is ';' the separator"),
        ("sep=;\na;b\n1;2\n", {"separator": ";"}, 1, r'skip_lines: 1 and separator: ";"'),
        ("a,b, a\n1,2,3\n", {}, 1, "column 'a' stands in the header more than once"),
        ("\n\na,column_3,\n1,2,3\n", {}, 3, "column 'column_3' stands in the header more than once"),
        ("5,x,5\n1,y,3\n", {}, 1, "looks like data"),
        ("a,b\n1,2\n", {"names": ["a", "a"]}, None, "column 'a' stands in the declared names more than once"),
        ("a§b\n", {"separator": "§"}, None, "one ASCII character"),
        ("a,b\n", {"quote": ","}, None, "separator and quote are both declared"),
        ("a,b\n", {"quote": "''"}, None, "one ASCII character"),
    ],
)
def test_what_is_not_sound_is_refused_at_its_line(
    read: Any, content: str | bytes, form: dict[str, Any], line: int | None, said: str
) -> None:
    with pytest.raises(SourceError, match=f"(?s){said}") as error:
        read(content, **form)
    assert str(error.value.where).endswith("rows.csv" if line is None else f"rows.csv:{line}")


def test_the_beginning_of_a_row_is_not_shown_where_there_is_personal_data(read: Any) -> None:
    private = Dataset(name="rows", source={"csv": "rows.csv"}, columns={"x": {"type": "string", "pii": True}})
    with pytest.raises(SourceError, match="begins with 'Mary'"):
        read("id,x\nMary\n")
    with pytest.raises(SourceError) as error:
        read("id,x\nMary\n", dataset=private)
    assert "Mary" not in str(error.value)


def test_an_error_far_within_a_file_names_its_line_and_the_first_of_several_is_told(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "CHUNK_BYTES", 100)
    good = b"".join(b'%d,"a\nb"\n' % number for number in range(500))
    for wrong in (b"1,2,3\n", b'1,"2"3\n', b"1,\xff\n"):
        with pytest.raises(SourceError) as error:
            read(b"id,x\n" + good + wrong + good + b"1,2,3,4\n" + b'1,"2"3\n' + b"\xff\n")
        assert str(error.value.where).endswith(":1002")


@pytest.mark.parametrize("rows", ["2,bob,20.0\n3,eve,7\n", "2,bob,20.0\n"])
def test_a_file_without_a_header_is_recognised(read: Any, rows: str) -> None:
    with pytest.raises(SourceError, match=r"rows\.csv:1: the first row looks like data.*2 of 3.*names: \[\.\.\.\] and header: false"):
        read("1,alice,10.5\n" + rows)
    assert read("1,alice,10.5\n" + rows, names=["id", "who", "x"], header=False)[2][0] == 1
    assert read("1,alice,10.5\n" + rows, names=["1", "alice", "10.5"])[2][0] == 2


@pytest.mark.parametrize(
    "content",
    [
        "2024-01-01,5\n2024-01-02,6\n",
        "a,2024-01-01 10:00\nb,2024-01-02 11:00\n",
        "1,2,3\n4,5,6\n7,8,9\n",
        "2019,x,7\n2020,y,8\n",
        "-1.5,2\n3.25,4\n",
        "red,yes\n" + "green,no\nred,yes\nblue,no\n" * 20,
    ],
)
def test_rows_of_data_in_the_first_line_are_recognised(read: Any, content: str) -> None:
    with pytest.raises(SourceError, match="looks like data"):
        read(content)


@pytest.mark.parametrize(
    "content",
    [
        "2019,2020\n5,6\n7,8\n",
        "country,2019,2020,2021\nA,5,7,6\nB,9,8,8\n",
        "0,1,2\n0.5,0.1,0.7\n0.2,0.9,0.1\n",
        ",a,b\n0,1,2\n1,3,4\n",
        "id,1\n5,6\n",
        "2024-01-01,2024-01-02\n5,6\n",
        "10,20,50,100\n3,9,1,2\n5,1,1,2\n",
        "colour,other\n" + "red,other\nblue,x\n" * 20,
        "x,y\na,b\n",
        "#,name\n1,a\n2,b\n",
        "tags\na;b\nc;d;e\n",
        "#id,b\n#1,x\ny,z\n",
    ],
)
def test_names_of_digits_dates_and_marks_stay_possible(read: Any, content: str) -> None:
    assert read(content)[0] == [name or "column_1" for name in content.partition("\n")[0].split(",")]


@pytest.mark.parametrize(
    ("content", "form", "names"),
    [
        ("", {}, []),
        ("\n\r\n\r", {}, []),
        ("# only\n", {"comment": "#"}, []),
        ("a,b", {}, ["a", "b"]),
        ("a,b\n\n", {}, ["a", "b"]),
        ("", {"names": ["a", "b"], "header": False}, ["a", "b"]),
        ("one\ntwo\n", {"skip_lines": 5, "names": ["a"]}, ["a"]),
        (codecs.BOM_UTF8, {}, []),
    ],
)
def test_a_file_without_rows_has_the_columns_that_are_known(
    read: Any, content: str | bytes, form: dict[str, Any], names: list[str]
) -> None:
    assert read(content, **form) == (names, [], [])


def test_a_name_and_a_header_line_longer_than_any_block_are_read(read: Any) -> None:
    long = "n" * 3_000_000
    assert read(f'"{long},1",b\n1,x\n')[0] == [f"{long},1", "b"]
    many = [f"column {number}" for number in range(20_000)]
    names, rows, _ = read(",".join(many) + "\n" + ",".join("x" * len(many)) + "\n")
    assert (names, len(rows[0])) == (many, 20_000)


def test_a_cell_longer_than_any_block_is_read(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "CHUNK_BYTES", 1000)
    long = "line\n" * 20_000
    assert read(f'a,b\n1,"{long}"\n2,x\n', strip=False) == (["a", "b"], [("1", long), ("2", "x")], [2, 20_003])


@pytest.mark.parametrize("packed, ending", [(gzip.compress, ".gz"), (bz2.compress, ".bz2"), (lambda content: _zstd(content), ".zst")])
def test_packed_files_are_read_and_what_is_cut_off_or_damaged_is_refused(read: Any, packed: Any, ending: str) -> None:
    content = packed(b"id,x\n" + b"".join(b"%d,%d\n" % (number, number * 7919 % 104729) for number in range(30_000)))
    assert len(read(content, "rows.csv" + ending)[1]) == 30_000
    damaged = b"" if ending == ".zst" else content[:500] + bytes(200) + content[700:]
    for wrong in (content[: len(content) // 2], content[:-2], damaged or content[:20], b"id,x\n1,2\n"):
        with pytest.raises(SourceError, match=rf"rows\.csv{ending}: it cannot be read to its end.*cut off or damaged"):
            read(wrong, "rows.csv" + ending)


def _zstd(content: bytes) -> bytes:
    import pyarrow as pa

    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(content)
    return out.getvalue().to_pybytes()


@pytest.mark.parametrize("change", ["grows", "shrinks", "is rewritten"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text("id,x\n" + "1,a\n" * 1000)
    monkeypatch.setattr(delimited, "CHUNK_BYTES", 16)
    monkeypatch.setattr(pieces, "PIECE_BYTES", 16)
    reading = read_file(SourceFile(str(path)), CsvFormat(), ROWS)
    next(reading)
    if change == "grows":
        with path.open("a") as file:
            file.write("2,b\n")
    elif change == "shrinks":
        os.truncate(path, 100)
    else:
        path.write_text("id,x\n" + "2,b\n" * 1000)
        os.utime(path, ns=(1, 1))
    with pytest.raises(SourceError, match=r"log\.csv: the file was changed while it was read.*rename"):
        list(reading)


def test_a_file_that_is_replaced_as_a_whole_while_it_is_read_is_read_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("id,x\n" + "1,a\n" * 1000)
    (tmp_path / "b.csv").write_text("id,x\n" + "2,b\n" * 10)
    monkeypatch.setattr(delimited, "CHUNK_BYTES", 16)
    monkeypatch.setattr(pieces, "PIECE_BYTES", 16)
    reading = read_file(SourceFile(str(tmp_path / "a.csv")), CsvFormat(), ROWS)
    first = next(reading)
    (tmp_path / "b.csv").rename(tmp_path / "a.csv")
    assert first.table.num_rows + sum(one.table.num_rows for one in reading) == 1000


def test_a_folder_a_forbidden_and_a_vanished_file_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "secret.csv").write_text("id\n1\n")

    def forbidden(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    for name, said in (("folder.csv", "this is a folder"), ("gone.csv", "there is no such file")):
        with pytest.raises(SourceError, match=rf"{name}: .*{said}"):
            list(read_file(SourceFile(str(tmp_path / name)), CsvFormat(), ROWS))
    monkeypatch.setattr(delimited, "open_file", forbidden)
    with pytest.raises(SourceError, match=r"secret\.csv: .*permission denied"):
        list(read_file(SourceFile(str(tmp_path / "secret.csv")), CsvFormat(), ROWS))


def test_each_file_gives_its_own_columns_in_pieces_and_they_are_compared_where_files_are_joined(tmp_path: Path, project: Any) -> None:
    project.write("d/a.csv", "x,y\n1,a\n")
    project.write("d/b.csv", "y,z\nb,2\n")
    paths = [str(project.folder / "d" / name) for name in ("a.csv", "b.csv")]
    assert [one.table.column_names for path in paths for one in read_file(SourceFile(path), CsvFormat(), ROWS)] == [["x", "y"], ["y", "z"]]
    with pytest.raises(SchemaError, match=r"b\.csv: its columns differ .* in x, z"):
        read_source(Dataset(name="t", source={"csv": "d/*.csv"}), None, project.context)


def test_a_file_from_a_url_is_read_alike(tmp_path: Path) -> None:
    import fsspec

    with fsspec.open("memory://lake/rows.csv", "wb") as file:
        file.write(b"id,x\r1,a\r2\r")
    with pytest.raises(SourceError, match=r"memory://lake/rows\.csv:3: this row has 1 field"):
        list(read_file(SourceFile("memory://lake/rows.csv"), CsvFormat(), ROWS))


@pytest.mark.parametrize(
    ("name", "rows", "form"),
    [
        ("UCI_Credit_Card.csv", 30_000, {}),
        ("bank-additional-full.csv", 41_188, {"separator": ";"}),
        ("bike_hour.csv", 17_379, {}),
        ("taxi_new_york_passengers.csv", 10_320, {}),
        ("wp_log_peyton_manning.csv", 2_905, {}),
        ("AirPassengers.csv", 144, {}),
        ("Telco-Customer-Churn.csv", 7_043, {}),
        ("adult.data", 32_561, {"header": False}),
        ("adult-test.csv", 16_281, {"header": False}),
        ("SMSSpamCollection", 5_574, {"header": False, "separator": "\t", "quote": None}),
    ],
)
def test_real_files_are_read_to_their_last_line(shared_data: Path, name: str, rows: int, form: dict[str, Any]) -> None:
    found = list(read_file(SourceFile(str(shared_data / name)), CsvFormat(**form), ROWS))
    assert sum(one.table.num_rows for one in found) == rows
    assert found[-1].line_of is not None
    assert found[-1].line_of(rows - 1) == rows + form.get("header", True)


@pytest.mark.parametrize(
    "name, form", [("adult.data", {}), ("adult-test.csv", {}), ("SMSSpamCollection", {"separator": "\t", "quote": None})]
)
def test_real_files_without_a_header_are_recognised(shared_data: Path, name: str, form: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match=f"{name}:1: .*looks like data"):
        list(read_file(SourceFile(str(shared_data / name)), CsvFormat(**form), ROWS))
