"""Rows that are alike: copies of one case, or the same thing seen again with a little noise.

A model says nearly the same of such rows and errs on them together, so they are worth fewer rows than they are.

They are found by locality-sensitive hashing with random projections (M. Datar, N. Immorlica, P. Indyk and V. Mirrokni, SCG 2004): rows in
one cell of a grid are alike. Of several shifted grids the one with the fewest cells is taken, which cuts through the fewest groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.modeling.bootstrap import Blocks
    from mlops_assets.modeling.signature import Feature

    Array = np.ndarray[Any, np.dtype[Any]]

PROJECTIONS, GRIDS = 8, 6
WIDTH = 0.1
"""Width of a cell in standard deviations of the features: noise of a tenth of it in every feature mostly stays in one cell."""
MIN_SHARE, TIMES_CHANCE = 0.01, 4.0
"""Share of rows that must be alike to another to count, and how many times the share that chance gives."""
SURE = 0.99
"""Confidence with which the errors of alike rows must be alike for them to be a block."""


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

    n = len(parts[0][0])
    exact, moved = np.zeros(n, np.uint64), np.zeros((PROJECTIONS, n))
    for (code, number), direction in zip(parts, directions, strict=True):
        exact = _mixed(exact, code)
        if number is not None:
            moved += direction[:, None] * number[None, :]
    best: Array | None = None
    for shift in shifts:
        cell = exact
        for along, offset in zip(moved, shift, strict=True):
            cell = _mixed(cell, np.floor(along / WIDTH + offset).astype(np.int64).view(np.uint64))
        place = np.unique(cell, return_inverse=True)[1]
        if best is None or place.max() < best.max():
            best = place
    assert best is not None
    return best


def _met(group: Array) -> float:
    """Share of rows that are not alone in their group."""
    import numpy as np

    return float((np.bincount(group)[group] > 1).mean())


def err_together(blocks: Blocks, error: Array) -> bool:
    """Whether errors ``(n,)`` are more alike within blocks than chance gives: the F test of a one-way analysis of variance."""
    import numpy as np
    from scipy import stats

    n, count = blocks.n, blocks.count
    if count < 2 or count >= n:
        return False
    size = np.bincount(blocks.code, minlength=count)
    means = np.bincount(blocks.code, weights=error, minlength=count) / size
    between = float((size * np.square(means - error.mean())).sum()) / (count - 1)
    within = float(np.square(error - means[blocks.code]).sum()) / (n - count)
    if within <= 0:
        return between > 0
    return bool(stats.f.sf(between / within, count - 1, n - count) < 1 - SURE)


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


def _mixed(state: Array, code: Array) -> Array:
    """One number of two: the step of FNV-1a with a 64-bit finisher, so that equal pairs stay equal and others hardly meet."""
    import numpy as np

    with np.errstate(over="ignore"):
        mixed = (state ^ code) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        mixed = mixed * np.uint64(0xBF58476D1CE4E5B9)
        result: Array = mixed ^ (mixed >> np.uint64(32))
    return result
