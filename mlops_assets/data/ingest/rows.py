"""The checked rows of a read: in memory, or where they wait on disk because they are many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from mlops_assets.data.ingest.spool import Spool

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class Rows(Protocol):
    """Rows of one schema, by position."""

    @property
    def num_rows(self) -> int:
        """How many there are."""

    @property
    def column_names(self) -> list[str]:
        """Their columns, in order."""

    def slice(self, start: int, length: int) -> pa.Table:
        """Rows ``[start, start + length)`` in memory."""


class SpooledRows:
    """The rows of a spool, or those at ``chosen`` positions of it (sorted); of its tables only what is asked for comes into memory."""

    def __init__(self, spool: Spool, chosen: np.ndarray | None = None) -> None:
        import numpy as np

        self._spool, self._chosen = spool, chosen
        self._starts = np.concatenate([[0], np.cumsum(spool.lengths)])

    @property
    def num_rows(self) -> int:
        """How many there are."""
        return self._spool.total if self._chosen is None else len(self._chosen)

    @property
    def column_names(self) -> list[str]:
        """Their columns, in order."""
        return list(self._spool.schema.names)

    def slice(self, start: int, length: int) -> pa.Table:
        """Rows ``[start, start + length)`` in memory."""
        end = min(start + length, self.num_rows)
        if self._chosen is None:
            return self._between(start, end)
        import pyarrow as pa

        positions = self._chosen[start:end]
        if not len(positions):
            return self._between(0, 0)
        first = int(positions[0])
        return self._between(first, int(positions[-1]) + 1).take(pa.array(positions - first))

    def _between(self, start: int, end: int) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        first, last = (int(np.searchsorted(self._starts, position, side="right")) - 1 for position in (start, max(start, end - 1)))
        parts = []
        for number in range(first, min(last, len(self._spool) - 1) + 1):
            begin = int(self._starts[number])
            inside = max(0, start - begin)
            parts.append(self._spool.table(number).slice(inside, end - begin - inside))
        return pa.concat_tables(parts)


def kept(rows: Rows, start: int, end: int, bad: np.ndarray) -> Rows:
    """Rows ``[start, end)`` without those at the positions ``bad``."""
    import numpy as np
    import pyarrow as pa

    if isinstance(rows, SpooledRows):
        if not len(bad) and (start, end) == (0, rows.num_rows):
            return rows
        return SpooledRows(rows._spool, np.setdiff1d(np.arange(start, end), bad, assume_unique=True))
    part = rows.slice(start, end - start)
    keep = np.ones(part.num_rows, dtype=bool)
    keep[bad - start] = False
    valid: Rows = part.filter(pa.array(keep)) if len(bad) else part
    return valid


def taken(rows: Rows, positions: np.ndarray) -> pa.Table:
    """Rows at ``positions`` (sorted), in memory."""
    import pyarrow as pa

    if isinstance(rows, SpooledRows):
        return SpooledRows(rows._spool, positions).slice(0, len(positions))
    table = rows.slice(0, rows.num_rows)
    return table.take(pa.array(positions))


def in_memory(rows: Rows) -> pa.Table:
    """All rows, however many."""
    return rows.slice(0, rows.num_rows)


def to_store(rows: Rows) -> pa.Table | pa.RecordBatchReader:
    """The rows in the form in which the store takes them."""
    import pyarrow as pa

    if not isinstance(rows, SpooledRows):
        return rows.slice(0, rows.num_rows)

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, rows.num_rows, _BLOCK):
            yield from rows.slice(start, _BLOCK).to_batches()

    return pa.RecordBatchReader.from_batches(rows.slice(0, 0).schema, batches())


_BLOCK = 2**18
