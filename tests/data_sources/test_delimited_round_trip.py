"""What Python's csv module writes is read back cell by cell, wherever the borders of blocks fall, and each row's line is known."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlops_assets.data.sources import pieces
from mlops_assets.data.sources.csv import read_file
from mlops_assets.data.sources.delimited import pieces as delimited
from mlops_assets.data.sources.paths import SourceFile
from mlops_assets.spec import Dataset
from mlops_assets.spec.sources import CsvFormat

ROWS = Dataset(name="rows", source={"csv": "rows.csv"})
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1", "cp1252", "shift_jis", "gb18030", "iso2022_jp", "utf-7")
TOKENS = [*"\",;|\t\r\n #%\\'", "\r\n", '""', "\0", "a", "B", "1", "2.50", "-3", "2024-01-01", "NA", "ü", "€", "中", "表", "𝒳"]
TOKENS += ["\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\xa0", "\ufeff", "e\u0301"]
LINE_END = re.compile("\r\n|\r|\n")


@dataclass(frozen=True)
class Written:
    """A file with the cells that are in it, and the line of each row."""

    content: bytes
    names: list[str]
    cells: list[list[str | None]]
    lines: list[int]
    form: CsvFormat


def _row(cells: list[str], separator: str, quote: str | None, comment: str | None, always: bool) -> str:
    if quote is None:
        return separator.join(cells)
    for quoting in (csv.QUOTE_ALL,) if always else (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=separator, quotechar=quote, quoting=quoting, lineterminator="\r\n").writerow(cells)
        if comment is None or not out.getvalue().startswith(comment):
            break
    return out.getvalue().removesuffix("\r\n")


@st.composite
def written(draw: st.DrawFn) -> Written:
    separator = draw(st.sampled_from([",", ";", "\t", "|", " "]))
    quote = draw(st.sampled_from(['"', "'", None]))
    comment = draw(st.sampled_from([None, "#", "%"]))
    strip = draw(st.booleans())
    encoding = draw(st.sampled_from(ENCODINGS))
    header = draw(st.booleans())
    columns = draw(st.integers(1, 4))

    def fits(token: str) -> bool:
        try:
            same = token.encode(encoding).decode(encoding) == token or (token == "\ufeff" and encoding in ("utf-8", "utf-16-be"))
        except UnicodeError:
            return False
        unquotable = "\r" in token or "\n" in token or separator in token or (comment or "#") in token
        return same and not (quote is None and unquotable)

    cell = st.lists(st.sampled_from([token for token in TOKENS if fits(token)]), max_size=5).map("".join)
    table = draw(st.lists(st.lists(cell, min_size=columns, max_size=columns), max_size=12))
    if columns == 1 and quote is None:
        table = [row for row in table if row[0]]
    text, starts = "skip me\r\n" * draw(st.integers(0, 2)), []
    form = CsvFormat(
        separator=separator,
        quote=quote,
        comment=comment,
        strip=strip,
        encoding=encoding,
        header=header,
        names=tuple(f"c{number}" for number in range(columns)),
        skip_lines=text.count("\r\n"),
    )
    ends = draw(st.sampled_from([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n", "\r"]]))
    end = st.sampled_from(ends)
    between = st.sampled_from(["", "", "", *ends] + ([f"{comment} don't \"mind{separator}{ends[0]}"] if comment else []))
    for number, row in enumerate([["name"] * columns] * header + table):
        text += draw(between)
        if number >= header:
            starts.append(len(text))
        text += _row(row, separator, quote, comment, draw(st.booleans())) + draw(end)
    if text and draw(st.booleans()):
        text = LINE_END.sub("", text[-2:]).join([text[:-2], ""]) if LINE_END.search(text[-1:]) else text
    assume(not text.startswith("\ufeff"))
    cells = [[(value.strip() if strip else value) or None for value in row] for row in table]
    lines = [1 + sum(match.end() <= start for match in LINE_END.finditer(text)) for start in starts]
    return Written(text.encode(encoding), list(form.names or ()), cells, lines, form)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


@contextmanager
def blocks_of(size: int) -> Iterator[None]:
    """Read by so many bytes."""
    with mock.patch.object(delimited, "CHUNK_BYTES", size), mock.patch.object(delimited, "HEAD_BYTES", size):
        yield


@settings(max_examples=400, deadline=None)
@given(file=written(), chunk=st.sampled_from([1, 2, 3, 7, 16, 64, 2**22]), piece=st.sampled_from([1, 50, 2**26]))
def test_what_is_written_is_read_with_its_lines_wherever_blocks_end(folder: Path, file: Written, chunk: int, piece: int) -> None:
    path = folder / "rows.csv"
    path.write_bytes(file.content)
    with blocks_of(chunk), mock.patch.object(pieces, "PIECE_BYTES", piece):
        found = list(read_file(SourceFile(str(path)), file.form, ROWS))
        rows = [list(row.values()) for one in found for row in one.table.to_pylist()]
        lines = [one.line_of(one.first + row) for one in found for row in range(one.table.num_rows) if one.line_of]
    assert {tuple(one.table.column_names) for one in found} == {tuple(file.names)}
    assert rows == file.cells
    assert lines == file.lines
    assert [one.first for one in found] == [sum(one.table.num_rows for one in found[:number]) for number in range(len(found))]


NAME = st.lists(st.sampled_from([*'",;\r\n x', '""', "\r\n", "ü", "\u2028", "a", "B"]), min_size=1, max_size=6).map("".join)


@settings(max_examples=200, deadline=None)
@given(
    names=st.lists(NAME, min_size=2, max_size=4, unique=True),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    chunk=st.sampled_from([1, 3, 10, 2**16]),
)
def test_names_of_any_text_are_read_as_cells_are(folder: Path, names: list[str], end: str, chunk: int) -> None:
    text = f"{end}{_row(names, ',', chr(34), None, False)}{end}" + f"{','.join('w' * len(names))}{end}" * 2
    path = folder / "names.csv"
    path.write_bytes(text.encode())
    with blocks_of(chunk):
        (one,) = read_file(SourceFile(str(path)), CsvFormat(strip=False), ROWS)
    assert one.table.column_names == names
    assert one.table.num_rows == 2
    assert one.line_of is not None
    assert one.line_of(1) == one.line_of(0) + 1 == 4 + len(LINE_END.findall("|".join(names)))
