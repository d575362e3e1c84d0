"""What a source gives: its rows in pieces of bounded size, each from one file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

PIECE_BYTES = 2**26
"""About how many bytes of cells a piece of a large source has, so that memory does not grow with the source."""


@dataclass(frozen=True)
class Piece:
    """Some rows of a source, in its order.

    Attributes:
        table: the cells. A source of text gives text, exactly as it is written there (null: nothing is written), to be read with the
            types that are declared or pinned; any other source gives values of its own types.
        text: whether it is text as it is written.
        partition: key of the partition whose own file it is; None where the event time alone says where rows belong.
        sparse: whether a column that is not there has missing values only, as in JSON, where a row names only what it has.
        origin: file or database that they come from, as it may be shown; None where there is no better name than the data set's.
        first: number of the first row within ``origin``, from 0.
        line_of: the line in ``origin`` (from 1) of a row within ``origin`` (from 0); None where rows have no lines. It may read the
            file again, since it is only asked for messages.
        written: how the values of columns are written where the format tells kinds of values apart, as JSON does: of ``text``, ``number``,
            ``boolean`` and ``nested`` those that occur. What is written as text is no number, however it looks.
        left_out: rows of ``origin`` that are in no piece, by cause; each row is counted in one piece.
    """

    table: pa.Table
    text: bool = False
    partition: str | None = None
    sparse: bool = False
    origin: str | None = None
    first: int = 0
    line_of: Callable[[int], int] | None = None
    written: Mapping[str, frozenset[str]] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


Pieces = Iterator[Piece]
"""Pieces in order. Those of one file have the same columns, unless they are sparse."""


def cut(table: pa.Table, **said: Any) -> Iterator[Piece]:
    """A table that is in memory, in pieces of about :data:`PIECE_BYTES`."""
    rows = max(1, table.num_rows * PIECE_BYTES // max(1, table.nbytes))
    for start in range(0, max(1, table.num_rows), rows):
        yield Piece(table.slice(start, rows), first=start, **said)
