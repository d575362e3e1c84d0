"""Parquet from bytes in memory, in a way that lets the process end at any moment afterwards.

Arrow's read-ahead keeps a thread that lets go of Python's bytes only later. Where that is after Python has ended, the process aborts
with "terminate called without an active exception" although all of its work is done (https://github.com/apache/arrow/issues/50482).
Nothing here reads ahead: the bytes are in memory already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def table_of(content: bytes | pa.Buffer, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a Parquet file, all columns or those named.

    Raises:
        pyarrow.ArrowInvalid: when it is no Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(pa.BufferReader(content)).read(None if columns is None else list(columns))
