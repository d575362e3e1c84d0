"""Taking rows out of a table that may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_BLOCK = 2**20


def kept(table: pa.Table, start: int, end: int, bad: np.ndarray) -> pa.Table:
    """Rows ``[start, end)`` of the table without those at the positions ``bad``."""
    import numpy as np
    import pyarrow as pa

    part = table.slice(start, end - start)
    if not len(bad):
        return part
    keep = np.ones(part.num_rows, dtype=bool)
    keep[bad - start] = False
    return part.filter(pa.array(keep))


def without(table: pa.Table, rows: np.ndarray) -> pa.Table | pa.RecordBatchReader:
    """The table without ``rows`` (sorted positions); block by block where it is large."""
    import numpy as np
    import pyarrow as pa

    keep = np.ones(table.num_rows, dtype=bool)
    keep[rows] = False
    if table.num_rows <= _BLOCK:
        return table.filter(pa.array(keep))

    def blocks() -> Iterator[pa.RecordBatch]:
        for start in range(0, table.num_rows, _BLOCK):
            yield from table.slice(start, _BLOCK).filter(pa.array(keep[start : start + _BLOCK])).to_batches()

    return pa.RecordBatchReader.from_batches(table.schema, blocks())
