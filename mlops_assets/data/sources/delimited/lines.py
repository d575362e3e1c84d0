"""The line of a row, found when it is asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator

from mlops_assets.data.sources.delimited.chunks import Chunk
from mlops_assets.data.sources.delimited.parsing import Parser
from mlops_assets.spec.delimited import Misread


class Lines:
    """Which line of a file a row begins in. It keeps one number a chunk, and reads the file again for the rest."""

    def __init__(self, again: Callable[[], Iterator[Chunk]], parser: Parser) -> None:
        """``again`` gives the chunks of the file once more."""
        self._again = again
        self._parser = parser
        self._first: list[int] = []
        self._line: list[int] = []
        self._rows = 0
        self._known: tuple[int, list[int]] = (-1, [])

    def add(self, chunk: Chunk, rows: int) -> None:
        """Tell it of the next chunk and its number of rows."""
        self._first.append(self._rows)
        self._line.append(chunk.line)
        self._rows += rows

    def __call__(self, row: int) -> int:
        """Line (from 1) of a row (from 0) that was given; where the file is no longer the same, one at most a chunk before it."""
        number = bisect_right(self._first, row) - 1
        if self._known[0] != number:
            self._known = (number, self._lines(number))
        within = row - self._first[number]
        lines = self._known[1]
        return lines[within] if within < len(lines) else self._line[number]

    def _lines(self, number: int) -> list[int]:
        try:
            found = next((chunk for chunk in self._again() if chunk.number == number), None)
            return [row.line for row in self._parser.rows(found)] if found is not None else []
        except (Misread, OSError, EOFError):
            return []
