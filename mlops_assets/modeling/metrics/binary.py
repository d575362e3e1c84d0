"""Metrics of binary tasks: P(positive) ``(n,)``, outcomes in {0, 1}."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.metrics.pointwise import LOG_FLOOR
from mlops_assets.modeling.metrics.statistic import Formula, Statistic, mean_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


def _confusion(y: Array, prediction: Array, combine: Callable[[Array, Array, Array, Array], Array]) -> Statistic:
    import numpy as np

    positive, predicted = y == 1, prediction >= 0.5
    cells = [positive & predicted, ~positive & predicted, positive & ~predicted, ~positive & ~predicted]
    return Statistic(np.column_stack(cells).astype(float), lambda s: combine(s[:, 0], s[:, 1], s[:, 2], s[:, 3]))


def _accuracy(y: Array, prediction: Array) -> Statistic:
    return mean_of(((prediction >= 0.5) == (y == 1)).astype(float))


def _precision(y: Array, prediction: Array) -> Statistic:
    import numpy as np

    return _confusion(y, prediction, lambda tp, fp, fn, tn: np.where(tp + fp > 0, tp / np.maximum(tp + fp, LOG_FLOOR), 0.0))


def _recall(y: Array, prediction: Array) -> Statistic:
    return _confusion(y, prediction, lambda tp, fp, fn, tn: tp / (tp + fn))


def _f1(y: Array, prediction: Array) -> Statistic:
    return _confusion(y, prediction, lambda tp, fp, fn, tn: 2 * tp / (2 * tp + fp + fn))


def _balanced_accuracy(y: Array, prediction: Array) -> Statistic:
    return _confusion(y, prediction, lambda tp, fp, fn, tn: (tp / (tp + fn) + tn / (tn + fp)) / 2)


def _log_loss(y: Array, prediction: Array) -> Statistic:
    import numpy as np

    p = np.where(y == 1, prediction, 1 - prediction)
    return mean_of(-np.log(np.clip(p, LOG_FLOOR, 1)))


def _brier(y: Array, prediction: Array) -> Statistic:
    import numpy as np

    return mean_of(np.square(prediction - y))


def _ranked(score: Array) -> tuple[Array, Array]:
    """Order by rising score, and where each group of equal scores starts in that order."""
    import numpy as np

    order = np.argsort(score, kind="stable")
    ranked = score[order]
    return order, np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(score) else np.zeros(0, int)


def _grouped(weights: Array, starts: Array) -> Array:
    import numpy as np

    return weights if len(starts) == weights.shape[1] else np.add.reduceat(weights, starts, axis=1)


def roc_auc(y: Array, prediction: Array) -> Statistic:
    """Mann-Whitney form with half credit for ties: Hanley and McNeil, Radiology 143 (1982)."""
    import numpy as np

    order, starts = _ranked(prediction)
    positive = (y[order] == 1).astype(float)

    def over(weights: Array) -> Array:
        ranked = weights[:, order]
        positives = ranked * positive
        negatives = _grouped(ranked - positives, starts)
        positives = _grouped(positives, starts)
        below = np.cumsum(negatives, axis=1)
        pairs = positives.sum(axis=1) * below[:, -1]
        wins = np.einsum("ij,ij->i", positives, below) - 0.5 * np.einsum("ij,ij->i", positives, negatives)
        area: Array = wins / np.where(pairs > 0, pairs, np.nan)
        return area

    return Statistic(over=over)


def _pr_auc(y: Array, prediction: Array) -> Statistic:
    """Average precision: the sum of precision times the gain in recall, over falling thresholds."""
    import numpy as np

    order, starts = _ranked(-prediction)
    positive = (y[order] == 1).astype(float)

    def over(weights: Array) -> Array:
        ranked = weights[:, order]
        positives = _grouped(ranked * positive, starts)
        found = np.cumsum(positives, axis=1)
        called = np.cumsum(_grouped(ranked, starts), axis=1)
        precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
        total = found[:, -1]
        area: Array = np.einsum("ij,ij->i", positives, precision) / np.where(total > 0, total, np.nan)
        return area

    return Statistic(over=over)


FORMULAS: dict[str, Formula] = {
    "roc_auc": roc_auc,
    "pr_auc": _pr_auc,
    "log_loss": _log_loss,
    "brier": _brier,
    "accuracy": _accuracy,
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
    "balanced_accuracy": _balanced_accuracy,
}
