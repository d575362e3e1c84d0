"""The beginning of a delimited file: lines that are passed over, and the names of its columns."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from mlops_assets.spec.delimited.decoding import Undecodable, Utf8Blocks
from mlops_assets.spec.delimited.dialect import Dialect, Misread
from mlops_assets.spec.delimited.rows import Row, fields, line_ends, rows
from mlops_assets.spec.sources import CsvFormat

LONGEST_ROW = 2**27
"""Bytes that a row may have at most; a quote that is not closed would else take in the whole file."""
_BLOCK = 2**16
_NUMBER = re.compile(r"[+-]?[\d.,]+([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Head:
    """What a file begins with.

    Attributes:
        names: of its columns; None for a file without any row.
        written: the first row's fields, if it names the columns and nothing else does.
        declared: whether the names are declared, whatever stands in the file.
        row: the first row's text.
        line: line in which the first row begins.
        rest: what is read already of the rows that follow.
        next: line in which they begin.
    """

    names: tuple[str, ...] | None
    written: tuple[str, ...]
    declared: bool
    row: bytes
    line: int
    rest: bytes
    next: int


def read_head(blocks: Utf8Blocks, form: CsvFormat, block: int = _BLOCK) -> Head:
    """Read up to the first row, by blocks of ``block`` bytes.

    Raises:
        Misread: for text that is none in the declared encoding, and for a header that names no columns.
    """
    dialect = Dialect.of(form)
    _once(form.names or (), "the declared names")
    data, start, first = _first_row(blocks, dialect, form.skip_lines, block)
    if first is None:
        rest = b"" if form.header else data[start:]
        return Head(form.names, (), bool(form.names), b"", form.skip_lines + 1, rest, form.skip_lines + 1)
    row = data[first.start : first.end]
    if form.header:
        rest, following = data[first.next :], first.line + line_ends(data[first.start : first.next])
    else:
        rest, following = data[start:], form.skip_lines + 1
    if form.names:
        return Head(form.names, (), True, row, first.line, rest, following)
    written = _texts(row, dialect, blocks, first.line)
    names = _names(written, form, first.line)
    return Head(names, written if form.header else (), False, row, first.line, rest, following)


def _first_row(blocks: Utf8Blocks, dialect: Dialect, skip_lines: int, block: int) -> tuple[bytes, int, Row | None]:
    """What was read, where the lines to pass over end in it, and the first row; None: there is none."""
    data, final = b"", False
    while True:
        try:
            more = blocks(max(block, len(data)))
        except Undecodable as error:
            raise error.at(1 + line_ends(data + error.before)) from None
        data, final = data + more, not more
        start = _after_lines(data, skip_lines, final)
        if start is not None:
            begun = rows(data, dialect, start=start, line=skip_lines + 1, final=final)
            first = next((row for row in begun if not dialect.strip or data[row.start : row.end].strip()), None)
            if first is not None or final:
                return data, start, first
        if len(data) > LONGEST_ROW:
            raise Misread(f"there is no whole row in the first {len(data) >> 20} MB.", line=skip_lines + 1, do="Check separator and quote.")


def _after_lines(data: bytes, lines: int, final: bool) -> int | None:
    """Where the first ``lines`` lines end; None where they are not all there yet."""
    position = 0
    for _ in range(lines):
        ends = [place for mark in (b"\n", b"\r") if (place := data.find(mark, position)) >= 0]
        if not ends:
            return len(data) if final else None
        end = min(ends)
        if data[end : end + 1] == b"\r" and end + 1 == len(data) and not final:
            return None
        position = end + (2 if data[end : end + 2] == b"\r\n" else 1)
    return position


def _texts(row: bytes, dialect: Dialect, blocks: Utf8Blocks, line: int) -> tuple[str, ...]:
    wrong = blocks.invalid(row)
    if wrong is not None:
        raise wrong.at(line + line_ends(wrong.before))
    if b"\0" in row:
        raise Misread("the first row holds NUL bytes: this is no text in the declared encoding.", line=line, do="Try utf-16 or utf-32.")
    return tuple(field.decode() for field in fields(row, dialect))


def _names(written: tuple[str, ...], form: CsvFormat, line: int) -> tuple[str, ...]:
    numbered = tuple(f"column_{number}" for number in range(1, len(written) + 1))
    if not form.header:
        return numbered
    names = tuple((name.strip() if form.strip else name) or number for name, number in zip(written, numbered, strict=True))
    _once(names, "the header", line)
    return names


def _once(names: tuple[str, ...], where: str, line: int | None = None) -> None:
    repeated = next((name for name, times in Counter(names).items() if times > 1), None)
    if repeated is not None:
        do = "Declare names for all columns: the header line is then passed over. If the first line is data, declare header: false too."
        data = " The first row looks like data, not like names." if line and _NUMBER.fullmatch(repeated) else ""
        raise Misread(f"column {repeated!r} stands in {where} more than once.{data}", line=line, do=do if line else None)
