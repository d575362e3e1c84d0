"""How much an outcome moves: from one stretch of the training rows to the next, and from training to the holdout beyond what features say.

In a world where it moves, the holdout's level differs from what any model could have learned, which is news and no fault.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.holdout import AS_OF, predict

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.holdout import Holdout, Rows

    Array = np.ndarray[Any, np.dtype[Any]]

STRETCHES = 12
MIN_STRETCHES = 3
"""Fewer stretches show too few moves to learn from: none is assumed then."""


def usual_move(holdout: Holdout, values: Array) -> float:
    """Root mean square move of the mean of ``values (training rows,)`` between neighbouring stretches, less what chance gives.

    Stretches have as many rows as the holdout, from the newest back: the measure is taken where nobody is judged. 0 where rows are undated,
    where there are fewer than :data:`MIN_STRETCHES`, or where chance explains the moves. Rows of one moment stay in one stretch; dependent
    rows count as many as they are worth in the holdout.
    """
    import numpy as np

    table = holdout.train.table
    if AS_OF not in table or not len(table) or not holdout.n or table[AS_OF].isna().any():
        return 0.0
    stretch = _stretches(table[AS_OF].to_numpy(dtype="datetime64[us]").astype("int64"), holdout.n)
    size = np.bincount(stretch)
    if len(size) < MIN_STRETCHES:
        return 0.0
    means = np.bincount(stretch, weights=values) / size
    spread = np.bincount(stretch, weights=np.square(values - means[stretch])) / size
    noise = spread / np.maximum(size * holdout.n_effective / holdout.n, 1.0)
    squared = float((np.square(np.diff(means)) - noise[1:] - noise[:-1]).mean())
    return math.sqrt(max(0.0, squared))


def expected_level(holdout: Holdout, bundle: Bundle, code: int | None) -> float:
    """Share of class ``code`` in the holdout (None: mean of the number) that the model lets expect, given that of the training rows.

    That is the level of training and what the model's claims rose by, so a model that claims too much everywhere expects no more for it.
    """
    values = holdout.train.y if code is None else holdout.train.y == code

    def claims(rows: Rows) -> float:
        prediction = holdout.prediction if rows is holdout.rows else predict(bundle, rows.table)
        return float((prediction[:, code] if prediction.ndim == 2 else prediction).mean())

    return float(values.mean()) + claims(holdout.rows) - claims(holdout.train)


def _stretches(moments: Array, rows: int) -> Array:
    """Stretch ``(n,)`` of each row, 0 the newest; rows that are older than :data:`STRETCHES` of them are in the last."""
    import numpy as np

    _, place, count = np.unique(-moments, return_inverse=True, return_counts=True)
    before = np.cumsum(count) - count
    stretch = np.minimum((before + count / 2) // rows, STRETCHES - 1).astype(int)
    found: Array = np.unique(stretch, return_inverse=True)[1][place]
    return found
