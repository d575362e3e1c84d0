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


def roc_auc(y: Array, prediction: Array) -> Statistic:
    """Mann-Whitney form with half credit for ties: Hanley and McNeil, Radiology 143 (1982)."""
    import numpy as np

    if _constant(prediction):
        return _of_classes(y, lambda positives, negatives: np.where((positives > 0) & (negatives > 0), 0.5, np.nan))
    positive, negative = (_by_score(prediction, y == 1, 1), _by_score(prediction, y != 1, 1))
    lower = np.searchsorted(prediction[negative], prediction[positive], side="left")
    upper = np.searchsorted(prediction[negative], prediction[positive], side="right")
    tied = bool((lower != upper).any())

    def over(weights: Array) -> Array:
        positives, below = np.take(weights, positive, axis=1), _cumulated(np.take(weights, negative, axis=1))
        pairs = positives.sum(axis=1, dtype=float) * below[:, -1]
        wins = _sum_of_products(positives, np.take(below, lower, axis=1))
        if tied:
            wins = (wins + _sum_of_products(positives, np.take(below, upper, axis=1))) / 2
        area: Array = wins / np.where(pairs > 0, pairs, np.nan)
        return area

    return Statistic(over=over)


def _pr_auc(y: Array, prediction: Array) -> Statistic:
    """Average precision: the sum of precision times the gain in recall, over falling thresholds."""
    import numpy as np

    if _constant(prediction):
        return _of_classes(y, lambda positives, negatives: np.where(positives > 0, positives / (positives + negatives), np.nan))
    positive, negative = (_by_score(prediction, y == 1, -1), _by_score(prediction, y != 1, -1))
    found_until = np.searchsorted(-prediction[positive], -prediction[positive], side="right")
    wrong_until = np.searchsorted(-prediction[negative], -prediction[positive], side="right")
    tied = bool((found_until != np.arange(1, len(positive) + 1)).any())

    def over(weights: Array) -> Array:
        positives, wrong = np.take(weights, positive, axis=1), _cumulated(np.take(weights, negative, axis=1))
        cumulated = _cumulated(positives)
        found = np.take(cumulated, found_until, axis=1) if tied else cumulated[:, 1:]
        called = found + np.take(wrong, wrong_until, axis=1)
        precision = np.divide(found, called, out=np.zeros(found.shape), where=called > 0)
        total = cumulated[:, -1].astype(float)
        area: Array = np.einsum("ij,ij->i", positives, precision) / np.where(total > 0, total, np.nan)
        return area

    return Statistic(over=over)


def _constant(score: Array) -> bool:
    """Whether all rows have one score, as the naive model gives: then nothing has to be sorted."""
    return len(score) > 0 and bool((score == score[0]).all())


def _of_classes(y: Array, combine: Callable[[Array, Array], Array]) -> Statistic:
    """What depends on the numbers of positives and negatives alone."""
    import numpy as np

    return Statistic(np.column_stack([y == 1, y != 1]).astype(float), lambda s: combine(s[:, 0], s[:, 1]))


def _by_score(score: Array, chosen: Array, way: int) -> Array:
    """Positions of the chosen rows by rising (1) or falling (-1) score."""
    import numpy as np

    rows = np.flatnonzero(chosen)
    order: Array = rows[np.argsort(way * score[rows], kind="stable")]
    return order


def _cumulated(weights: Array) -> Array:
    """Running sums ``(b, n + 1)`` of ``weights (b, n)``, from 0 on; whole weights stay whole, and exact."""
    import numpy as np

    kind: Any = float
    if weights.dtype.kind in "ui":
        kind = np.int32 if weights.shape[1] * np.iinfo(weights.dtype).max < 2**31 else np.int64
    sums = np.zeros((len(weights), weights.shape[1] + 1), kind)
    np.cumsum(weights, axis=1, dtype=kind, out=sums[:, 1:])
    return sums


def _sum_of_products(a: Array, b: Array) -> Array:
    import numpy as np

    whole = a.dtype.kind in "ui"
    result: Array = np.einsum("ij,ij->i", a, b, dtype=np.int64 if whole else float, casting="safe").astype(float)
    return result


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
