"""Rows that are alike: copies of one case, or the same thing seen again with a little noise.

They are found by locality-sensitive hashing with random projections (M. Datar, N. Immorlica, P. Indyk and V. Mirrokni, SCG 2004): rows in
one cell of a grid are alike. Of several shifted grids the one with the fewest cells is taken, which cuts through the fewest groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.modeling.signature import Feature

    Array = np.ndarray[Any, np.dtype[Any]]

PROJECTIONS, GRIDS = 8, 6
WIDTH = 0.1
"""Width of a cell in standard deviations of the features: noise of a tenth of it in every feature mostly stays in one cell."""
MIN_SHARE, TIMES_CHANCE = 0.01, 4.0
"""Share of rows that must be alike to another to count, and how many times the share that chance gives."""


def alike_rows(table: pd.DataFrame, features: list[Feature], *, seed: int = 0) -> Array | None:
    """Group ``(n,)`` of each row, from 0; None where few rows are alike, or as many would be by chance.

    Numbers are compared in units of their interquartile spread (1.35 of it are a standard deviation), texts, and where values are
    missing, exactly. Chance is the same table with every column shuffled by itself: where few features of few values, or only one, are
    there, rows meet without being the same case.
    """
    import numpy as np

    n = len(table)
    if n < 2 or not features:
        return None
    random = np.random.default_rng(seed)
    parts = [_parts(table[feature.name], feature) for feature in features]
    directions = random.normal(size=(len(parts), PROJECTIONS))
    directions /= np.sqrt(np.square(directions).sum(axis=0))
    shifts = random.random((GRIDS, PROJECTIONS))
    group = _groups(parts, directions, shifts)
    met = _met(group)
    if met < MIN_SHARE:
        return None
    orders = [random.permutation(n) for _ in parts]
    shuffled = [(code[order], None if number is None else number[order]) for (code, number), order in zip(parts, orders, strict=True)]
    return group if met > TIMES_CHANCE * _met(_groups(shuffled, directions, shifts)) else None


def _groups(parts: list[tuple[Array, Array | None]], directions: Array, shifts: Array) -> Array:
    """Group of each row: its cell in the grid that has the fewest."""
    import numpy as np
    import pandas as pd

    codes = pd.DataFrame({place: code for place, (code, _) in enumerate(parts)})
    exact = pd.util.hash_pandas_object(codes, index=False).to_numpy()
    moved = np.zeros((PROJECTIONS, len(exact)))
    for (_, number), direction in zip(parts, directions, strict=True):
        if number is not None:
            moved += direction[:, None] * number[None, :]
    best: Array | None = None
    for shift in shifts:
        cells = pd.DataFrame(np.floor(moved / WIDTH + shift[:, None]).astype(np.int64).T).assign(exact=exact)
        place = np.unique(pd.util.hash_pandas_object(cells, index=False), return_inverse=True)[1]
        if best is None or place.max() < best.max():
            best = place
    assert best is not None
    return best


def _met(group: Array) -> float:
    """Share of rows that are not alone in their group."""
    import numpy as np

    return float((np.bincount(group)[group] > 1).mean())


def _parts(column: pd.Series, feature: Feature) -> tuple[Array, Array | None]:
    """What must be equal ``(n,)`` uint64, and the number in standard deviations, 0 where it is missing."""
    import numpy as np

    from mlops_assets.modeling.distinct import distinct
    from mlops_assets.modeling.values import plain_values

    values = plain_values(column, feature)
    if values.dtype == object:
        return (distinct(values)[0] + 1).astype(np.uint64), None
    known = np.isfinite(values)
    code = np.where(known, 0, np.where(np.isnan(values), 1, np.where(values > 0, 2, 3))).astype(np.uint64)
    if not known.any():
        return code, None
    low, middle, high = np.quantile(values[known], [0.25, 0.5, 0.75])
    spread = (high - low) / 1.35 or float(values[known].std()) or 1.0
    return code, np.where(known, (values - middle) / spread, 0.0)
