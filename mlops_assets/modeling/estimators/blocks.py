"""Scoring in blocks of one fixed shape, so that a row's numbers do not depend on how many rows come with it.

Matrix products may sum in another order for another shape (one row is a dot product, many are a blocked product), which
changes the last bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

ROWS = 128


def in_blocks(predict: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Apply ``predict`` to blocks of exactly :data:`ROWS` rows; the last one is filled up with copies of its last row."""
    import numpy as np

    results = []
    for start in range(0, len(x), ROWS):
        block = x[start : start + ROWS]
        rows = len(block)
        if rows < ROWS:
            block = np.concatenate([block, np.repeat(block[-1:], ROWS - rows, axis=0)])
        results.append(np.asarray(predict(np.ascontiguousarray(block)), dtype="float64")[:rows])
    return np.concatenate(results)
