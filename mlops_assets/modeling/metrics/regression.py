"""Metrics of numbers: predictions and outcomes ``(n,)``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.metrics.statistic import Formula, Statistic, mean_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


def _rmse(y: Array, prediction: Array) -> Statistic:
    import numpy as np

    sums = np.column_stack([np.ones(len(y)), np.square(prediction - y)])
    return Statistic(sums, lambda s: np.sqrt(s[:, 1] / s[:, 0]))


def _r2(y: Array, prediction: Array) -> Statistic:
    import numpy as np

    centred = y - y.mean() if len(y) else y
    sums = np.column_stack([np.ones(len(y)), centred, np.square(centred), np.square(prediction - y)])

    def combine(s: Array) -> Array:
        spread = s[:, 2] - np.square(s[:, 1]) / s[:, 0]
        return 1 - s[:, 3] / np.where(spread > 1e-12 * np.maximum(s[:, 2], 1e-300), spread, np.nan)

    return Statistic(sums, combine)


def _median_ae(y: Array, prediction: Array) -> Statistic:
    import numpy as np

    error = np.abs(prediction - y)
    order = np.argsort(error, kind="stable")
    ranked, last = error[order], len(error) - 1

    def over(weights: Array) -> Array:
        cumulated = np.cumsum(np.take(weights, order, axis=1), axis=1, dtype=float)
        half = cumulated[:, -1] / 2
        lower = np.array([np.searchsorted(row, middle, side="left") for row, middle in zip(cumulated, half, strict=True)])
        upper = np.array([np.searchsorted(row, middle, side="right") for row, middle in zip(cumulated, half, strict=True)])
        median: Array = (ranked[np.minimum(lower, last)] + ranked[np.minimum(upper, last)]) / 2
        return median

    return Statistic(over=over)


def _mape(y: Array, prediction: Array) -> Statistic:
    """The mean error as a share of the target; no number where a target is 0."""
    import numpy as np

    zero = y == 0
    share = np.abs(prediction - y) / np.where(zero, 1.0, np.abs(y))
    sums = np.column_stack([np.ones(len(y)), share, zero])
    return Statistic(sums, lambda s: np.where(s[:, 2] > 0, np.nan, s[:, 1] / s[:, 0]))


def _wape(y: Array, prediction: Array) -> Statistic:
    """The sum of errors as a share of the sum of targets, both by their size; no number where all targets are 0."""
    import numpy as np

    sums = np.column_stack([np.abs(prediction - y), np.abs(y)])
    return Statistic(sums, lambda s: s[:, 0] / np.where(s[:, 1] > 0, s[:, 1], np.nan))


FORMULAS: dict[str, Formula] = {
    "rmse": _rmse,
    "mae": lambda y, p: mean_of(abs(p - y)),
    "r2": _r2,
    "median_ae": _median_ae,
    "mape": _mape,
    "bias": lambda y, p: mean_of(p - y),
    "wape": _wape,
}
