"""Whole rows, cut out of a stream of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlops_assets.data.sources.delimited.quotes import length_of_whole_rows, line_ends_fast
from mlops_assets.spec.delimited import LONGEST_ROW, Dialect, Head, Misread, Undecodable, line_ends, rows


@dataclass(frozen=True)
class Chunk:
    """Whole rows as they stand in the file.

    Attributes:
        data: UTF-8 text.
        line: line of the file in which it begins.
        number: how many chunks come before it.
    """

    data: bytes
    line: int
    number: int


def chunks(blocks: Callable[[int], bytes], head: Head, dialect: Dialect, size: int) -> Iterator[Chunk]:
    """What follows ``head``, in chunks of about ``size`` bytes. They are the same whenever the same file is read.

    Raises:
        Misread: for text that is none in the declared encoding, and for rows whose quotes are wrong.
    """
    data, line, number, final = head.rest, head.next, 0, False
    while not final:
        try:
            more = blocks(max(size, len(data)))
        except Undecodable as error:
            raise error.at(line + line_ends(data + error.before)) from None
        data, final = data + more, not more
        length = _whole(data, dialect, line, final=final)
        if length:
            whole, data = data[:length], data[length:]
            yield Chunk(whole, line, number)
            line, number = line + line_ends_fast(whole), number + 1
        elif len(data) > LONGEST_ROW:
            for _ in rows(data, dialect, line=line):
                break
            raise Misread(f"the row that begins here is longer than {LONGEST_ROW >> 20} MB.", line=line, do="Check separator and quote.")


def _whole(data: bytes, dialect: Dialect, line: int, *, final: bool) -> int:
    """Bytes of whole rows at the beginning of ``data``."""
    length = None if _may_have_comments(data, dialect) else length_of_whole_rows(data, dialect, final=final)
    if length is not None:
        return length
    length = 0
    for row in rows(data, dialect, line=line, final=final):
        length = row.next
    return len(data) if final else length


def _may_have_comments(data: bytes, dialect: Dialect) -> bool:
    mark = dialect.comment
    return mark is not None and (data.startswith(mark) or b"\n" + mark in data or b"\r" + mark in data)
