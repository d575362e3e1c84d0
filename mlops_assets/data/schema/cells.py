"""Reading a column by the rule of its cells: at once where all of a part can be, else cell by cell, with the same answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from mlops_assets.data.schema.arrays import encoded
from mlops_assets.data.schema.problems import Problems

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

BLOCK = 1024
"""Cells that are read one by one where one of them cannot be read at once."""

Whole = Callable[["pa.ChunkedArray"], "pa.ChunkedArray | None"]
"""Reads a part at once; None if one of its cells needs the rule."""

Cell = Callable[[Any], Any]
"""The rule of a cell that is not null: its value, None where it means missing.

Raises:
    Misfit: when it does not fit.
"""


class Misfit(ValueError):
    """A cell that does not fit. ``rule`` says what is wrong."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(rule)


def read_cells(values: pa.ChunkedArray, wanted: pa.DataType, *, whole: Whole, cell: Cell, problems: Problems) -> pa.ChunkedArray:
    """Every cell as the rule ``cell`` reads it; one that does not fit is null, and noted.

    Args:
        whole: must give what ``cell`` gives, or None. A part that it cannot read is halved until few cells are left.
    """
    import numpy as np
    import pyarrow as pa

    arrays: list[pa.Array] = []
    broken: dict[str, np.ndarray] = {}
    start = 0
    for part, done in _parts(values, whole):
        if done is None:
            read, found = one_by_one(part, wanted, cell)
            arrays.append(read)
            for rule, rows in found.items():
                broken.setdefault(rule, np.zeros(len(values), dtype=bool))[start + rows] = True
        else:
            arrays += done.chunks
        start += len(part)
    for rule, mask in broken.items():
        problems.add(rule, pa.array(mask))
    return pa.chunked_array(arrays, wanted)


def one_by_one(values: pa.ChunkedArray, wanted: pa.DataType, cell: Cell) -> tuple[pa.Array, dict[str, np.ndarray]]:
    """Every distinct cell by its rule, and the rows of those that do not fit, by what is wrong."""
    import numpy as np
    import pyarrow as pa

    texts = encoded(values)
    read: list[Any] = []
    wrong: dict[str, list[int]] = {}
    for position, value in enumerate(texts.dictionary.to_pylist()):
        try:
            read.append(cell(value))
        except Misfit as misfit:
            read.append(None)
            wrong.setdefault(misfit.rule, []).append(position)
    codes = texts.indices.fill_null(-1).to_numpy()
    return pa.array(read, wanted).take(texts.indices), {rule: np.flatnonzero(np.isin(codes, found)) for rule, found in wrong.items()}


def _parts(values: pa.ChunkedArray, whole: Whole) -> Iterator[tuple[pa.ChunkedArray, pa.ChunkedArray | None]]:
    done = whole(values)
    if done is not None or len(values) <= BLOCK:
        yield values, done
        return
    half = len(values) // 2
    yield from _parts(values.slice(0, half), whole)
    yield from _parts(values.slice(half), whole)
