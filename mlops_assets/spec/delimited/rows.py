"""Rows of delimited text and their fields, exactly and one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from mlops_assets.spec.delimited.dialect import Dialect, Misread

_LINE_END = re.compile(rb"\r\n|\r|\n")


class Row(NamedTuple):
    """Where a row is: the line that it begins in, its first byte, the one after its last, and the next line's first."""

    line: int
    start: int
    end: int
    next: int


def rows(data: bytes, dialect: Dialect, *, start: int = 0, line: int = 1, final: bool = True) -> Iterator[Row]:
    """Rows of UTF-8 text from byte ``start``, which is the beginning of line ``line``.

    Without ``final`` more may follow ``data``: a row that is not known to have ended is not given.

    Raises:
        Misread: for a quote that is not closed, or closed in the middle of a field.
    """
    position = start
    while position < len(data):
        end = _LINE_END.search(data, position)
        stop, after = end.span() if end else (len(data), len(data))
        comment = dialect.comment is not None and data.startswith(dialect.comment, position)
        quoted = not comment and dialect.quote is not None and data.find(dialect.quote, position, stop) >= 0
        if quoted:
            span = _quoted_row(data, position, line, dialect, final)
            if span is None:
                return
            stop, after = span
        if not final and (stop == after or (after == len(data) and data[stop:] == b"\r")):
            return
        if stop > position and not comment:
            yield Row(line, position, stop, after)
        line += line_ends(data[position:after]) if quoted else 1
        position = after


def fields(row: bytes, dialect: Dialect) -> list[bytes]:
    """Fields of one row as they are meant: without quotes around them, and without doubled ones."""
    quote, separator = dialect.quote, dialect.separator
    if quote is None or quote not in row:
        return row.split(separator)
    found, position = [], 0
    while True:
        if row.startswith(quote, position):
            close = _closing(row, position, quote)
            stop = row.find(separator, close + 1)
            stop = len(row) if stop < 0 else stop
            found.append(row[position + 1 : close].replace(quote * 2, quote))
        else:
            stop = row.find(separator, position)
            stop = len(row) if stop < 0 else stop
            found.append(row[position:stop])
        if stop == len(row):
            return found
        position = stop + 1


def is_blank(row: bytes, dialect: Dialect, columns: int) -> bool:
    """Whether there is nothing but white space where there should be several fields."""
    return dialect.strip and columns > 1 and dialect.separator not in row and not row.strip()


def line_ends(data: bytes) -> int:
    """How many lines end in ``data``."""
    ends = data.count(b"\n")
    return ends + data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else ends


def _quoted_row(data: bytes, start: int, line: int, dialect: Dialect, final: bool) -> tuple[int, int] | None:
    """End of the row that begins at ``start``, and beginning of the next; None where more must be known."""
    quote, separator = dialect.quote or b"", dialect.separator
    field_end = _field_end(separator)
    position = start
    while True:
        if data.startswith(quote, position):
            close = _closing(data, position, quote)
            if close < 0:
                if final:
                    raise _unclosed(line + line_ends(data[start:position]), dialect)
                return None
            after = close + 1
            while dialect.strip and data[after : after + 1] in (b" ", b"\t") and data[after : after + 1] != separator:
                after += 1
            if after < len(data) and data[after : after + 1] not in (separator, b"\r", b"\n"):
                raise _closed_within(data, start, position, close, line, dialect)
            if after == len(data) and not final:
                return None
            position = after
        end = field_end.search(data, position)
        if end is None:
            return len(data), len(data)
        if end.group() != separator:
            return end.span()
        position = end.end()


@cache
def _field_end(separator: bytes) -> re.Pattern[bytes]:
    return re.compile(re.escape(separator) + rb"|\r\n|\r|\n")


def _closing(data: bytes, start: int, quote: bytes) -> int:
    """Place of the quote that closes the one at ``start``; -1 where there is none."""
    position = data.find(quote, start + 1)
    while position >= 0 and data.startswith(quote, position + 1):
        position = data.find(quote, position + 2)
    return position


def _unclosed(line: int, dialect: Dialect) -> Misread:
    mark = (dialect.quote or b"").decode()
    return Misread(
        f"the quote {mark} that opens a field here is never closed.",
        line=line,
        do="Close it; where it is part of the text, double it and quote the field, or declare quote: null.",
    )


def _closed_within(data: bytes, start: int, opening: int, close: int, line: int, dialect: Dialect) -> Misread:
    mark = (dialect.quote or b"").decode()
    began = line + line_ends(data[start:opening])
    ended = began + line_ends(data[opening:close])
    place = "in the same line" if ended == began else f"in line {ended}"
    do = f"A quote within a quoted field is written twice: {mark}{mark}. Where quotes are part of the text, declare quote: null."
    if data[close - 1 : close] == b"\\":
        do = f"A backslash does not protect a quote here: write {mark}{mark} instead of \\{mark}."
    following = data[close + 1 : close + 2]
    if following in (b",", b";", b"\t", b"|"):
        do = f"Is {following.decode()!r} the separator? It is declared as {dialect.separator.decode()!r}."
    return Misread(f"the quote {mark} that opens a field here is closed {place}, but the field goes on after it.", line=began, do=do)
