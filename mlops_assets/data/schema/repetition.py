"""Rows that repeat others where each must differ: in a unique column, or in the primary key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.data.schema.arrays import encoded
from mlops_assets.data.schema.findings import Finding

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def repeated(names: list[str], rule: str, table: pa.Table, groups: np.ndarray) -> list[Finding]:
    """Rows that repeat an earlier row of their partition in all of ``names``; rows with a missing value repeat nothing."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    codes = {"": groups}
    present = np.ones(table.num_rows, dtype=bool)
    for name in names:
        column = table.column(name)
        present &= column.is_valid().to_numpy()
        codes[name] = _codes(column)
    if len(names) == 1 and _all_differ(codes[names[0]][present]):
        return []
    repeated = pd.DataFrame(codes).duplicated().to_numpy() & present
    rows = np.flatnonzero(repeated)
    if not len(rows):
        return []
    values = table.column(names[0]).take(pa.array(rows)) if len(names) == 1 else _joined(table, names, rows)
    return [Finding(", ".join(names), rule, rows, values)]


def _all_differ(codes: np.ndarray) -> bool:
    """Whether no number occurs twice; a sort is several times faster than a hash table."""
    import numpy as np

    if (codes[1:] > codes[:-1]).all():
        return True
    ordered = np.sort(codes)
    return bool((ordered[1:] != ordered[:-1]).all())


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """Integers that are equal where the values are; what stands for a missing value does not matter."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_timestamp(kind):
        codes: np.ndarray = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
        return codes
    codes = pc.fill_null(encoded(column).indices, 0).to_numpy()
    return codes


def _joined(table: pa.Table, names: list[str], rows: np.ndarray) -> pa.ChunkedArray:
    import pyarrow as pa

    taken = table.select(names).take(pa.array(rows)).to_pylist()
    return pa.chunked_array([pa.array([" / ".join(str(value) for value in row.values()) for row in taken], pa.string())])
