"""The metrics of each task, in a form that a bootstrap can evaluate hundreds of times.

A metric turns outcomes ``y (n,)`` and predictions into a :class:`Statistic`: either sums over rows, which a resample of
blocks only has to add up, or a function of row weights ``(resamples, n)`` that sorts once and cumulates weights.

Predictions are P(positive) ``(n,)`` for binary tasks with ``y`` in {0, 1}; P(class) ``(n, k)`` for multiclass tasks with
``y`` in {0 … k-1}, -1 for a class that the model does not know; values ``(n,)`` for regression. A class is predicted
positive from 0.5 on. Where a metric has no value, such as the AUC of one class, it is NaN, never a favourable number.
Definitions follow scikit-learn (https://scikit-learn.org/stable/modules/model_evaluation.html).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError, nearest
from mlops_assets.spec.metrics import GREATER_IS_BETTER, TASK_METRICS

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

LOG_FLOOR = 1e-15
"""A probability of exactly 0 for what happened counts as this, so that one row cannot make a loss infinite."""

BOUNDED = frozenset(
    {"roc_auc", "pr_auc", "brier", "accuracy", "precision", "recall", "f1", "balanced_accuracy", "f1_macro", "roc_auc_ovr", "r2"}
)
"""Metrics on a fixed scale: a margin is a difference there, and a share of the reference everywhere else."""


@dataclass(frozen=True)
class Statistic:
    """A number that depends on row weights only.

    Either ``sums (n, m)`` with ``combine``: weighted totals ``(b, m)`` -> ``(b,)``; or ``over``: weights ``(b, n)`` -> ``(b,)``.
    """

    sums: Array | None = None
    combine: Callable[[Array], Array] | None = None
    over: Callable[[Array], Array] | None = None

    def at(self, weights: Array) -> Array:
        """Value for each row of ``weights (b, n)``."""
        if self.sums is not None and self.combine is not None:
            return self.combine(weights @ self.sums)
        assert self.over is not None
        return self.over(weights)


@dataclass(frozen=True)
class Metric:
    """One metric of one task."""

    name: str
    task: str
    greater_is_better: bool
    prepare: Callable[[Array, Array], Statistic]

    @property
    def bounded(self) -> bool:
        """Whether it lives on a fixed scale, see :data:`BOUNDED`."""
        return self.name in BOUNDED

    def compute(self, y: Array, prediction: Array, weight: Array | None = None) -> float:
        """The metric of these rows, each counted ``weight`` times (default: once)."""
        import numpy as np

        weights = np.ones(len(y)) if weight is None else np.asarray(weight, float)
        if len(y) == 0 or not weights.sum() > 0:
            return float("nan")
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(self.prepare(np.asarray(y), np.asarray(prediction, float)).at(weights[None, :])[0])

    def improvement(self, candidate: Array, reference: Array) -> Array:
        """How much better ``candidate`` is than ``reference``, positive where it is better; elementwise."""
        import numpy as np

        if self.name == "bias":
            return np.abs(reference) - np.abs(candidate)
        return candidate - reference if self.greater_is_better else reference - candidate


def metric_of(name: str, task: str) -> Metric:
    """The metric ``name`` of ``task``.

    Raises:
        MlopsError: when the task has no such metric; names the valid ones.
    """
    valid = TASK_METRICS.get(task, ())
    if name not in valid:
        guess = nearest(name, valid)
        raise MlopsError(f"{name!r} is no metric of {task}.", valid=valid, do=f"Did you mean {guess!r}?" if guess else None)
    return Metric(name, task, GREATER_IS_BETTER[name], _prepared(name, task))


def metrics_of(task: str) -> list[Metric]:
    """All metrics of a task, in the order of the language."""
    return [metric_of(name, task) for name in TASK_METRICS.get(task, ())]


def pointwise_loss(y: Array, prediction: Array, task: str) -> Array:
    """Loss of each row ``(n,)``: squared error, or for multiclass tasks one minus the probability of what happened."""
    import numpy as np

    if task == "multiclass_classification":
        return 1 - probability_of_outcome(y, prediction)
    result: Array = np.square(np.asarray(prediction, float) - y)
    return result


def probability_of_outcome(y: Array, prediction: Array) -> Array:
    """P of the class that happened ``(n,)``; 0 for a class that the model does not know."""
    import numpy as np

    rows = np.arange(len(y))
    return np.where(y >= 0, prediction[rows, np.maximum(y, 0).astype(int)], 0.0)


def _prepared(name: str, task: str) -> Callable[[Array, Array], Statistic]:
    if task == "multiclass_classification":
        return _MULTICLASS[name]
    return {**_BINARY, **_REGRESSION}[name]


def _mean(values: Array) -> Statistic:
    import numpy as np

    sums = np.column_stack([np.ones(len(values)), values])
    return Statistic(sums, lambda s: s[:, 1] / s[:, 0])


def _confusion(y: Array, prediction: Array, combine: Callable[[Array, Array, Array, Array], Array]) -> Statistic:
    import numpy as np

    positive, predicted = y == 1, prediction >= 0.5
    cells = [positive & predicted, ~positive & predicted, positive & ~predicted, ~positive & ~predicted]
    return Statistic(np.column_stack(cells).astype(float), lambda s: combine(s[:, 0], s[:, 1], s[:, 2], s[:, 3]))


def _accuracy(y: Array, prediction: Array) -> Statistic:
    return _mean(((prediction >= 0.5) == (y == 1)).astype(float))


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
    return _mean(-np.log(np.clip(p, LOG_FLOOR, 1)))


def _brier(y: Array, prediction: Array) -> Statistic:
    import numpy as np

    return _mean(np.square(prediction - y))


def _ranked(score: Array) -> tuple[Array, Array]:
    """Order by rising score, and where each group of equal scores starts in that order."""
    import numpy as np

    order = np.argsort(score, kind="stable")
    ranked = score[order]
    return order, np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(score) else np.zeros(0, int)


def _grouped(weights: Array, starts: Array) -> Array:
    import numpy as np

    return weights if len(starts) == weights.shape[1] else np.add.reduceat(weights, starts, axis=1)


def _roc_auc(y: Array, prediction: Array) -> Statistic:
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


def _predicted_class(prediction: Array) -> Array:
    result: Array = prediction.argmax(axis=1)
    return result


def _class_sums(y: Array, prediction: Array) -> Array:
    """Columns: hits per class, rows per true class, rows per predicted class; rows of unknown classes stand in the last."""
    import numpy as np

    classes = np.arange(prediction.shape[1])
    true, called = y[:, None] == classes, _predicted_class(prediction)[:, None] == classes
    return np.concatenate([true & called, true, called], axis=1).astype(float)


def _balanced_accuracy_multi(y: Array, prediction: Array) -> Statistic:
    import numpy as np

    def combine(sums: Array) -> Array:
        hits, true, _ = np.split(sums, 3, axis=1)
        recall = np.divide(hits, true, out=np.full_like(hits, np.nan), where=true > 0)
        seen = (true > 0).sum(axis=1)
        return np.where(seen > 1, np.nansum(recall, axis=1) / np.maximum(seen, 1), np.nan)

    return Statistic(_class_sums(y, prediction), combine)


def _f1_macro(y: Array, prediction: Array) -> Statistic:
    import numpy as np

    def combine(sums: Array) -> Array:
        hits, true, called = np.split(sums, 3, axis=1)
        total = true + called
        f1 = np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)
        mean: Array = f1.sum(axis=1) / np.maximum((total > 0).sum(axis=1), 1)
        return mean

    return Statistic(_class_sums(y, prediction), combine)


def _roc_auc_ovr(y: Array, prediction: Array) -> Statistic:
    """Mean over the classes that occur of the AUC of that class against the rest."""
    import numpy as np

    one_class = [_roc_auc((y == k).astype(float), prediction[:, k]) for k in range(prediction.shape[1])]

    def over(weights: Array) -> Array:
        values = np.stack([statistic.at(weights) for statistic in one_class])
        known = np.isfinite(values)
        return np.where(known.any(axis=0), np.nansum(values, axis=0) / np.maximum(known.sum(axis=0), 1), np.nan)

    return Statistic(over=over)


def _log_loss_multi(y: Array, prediction: Array) -> Statistic:
    import numpy as np

    return _mean(-np.log(np.clip(probability_of_outcome(y, prediction), LOG_FLOOR, 1)))


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
    ranked = error[order]

    def over(weights: Array) -> Array:
        cumulated = np.cumsum(weights[:, order], axis=1)
        half = cumulated[:, -1:] / 2
        lower = (cumulated < half).sum(axis=1)
        upper = (cumulated <= half).sum(axis=1)
        median: Array = (ranked[lower] + ranked[np.minimum(upper, len(ranked) - 1)]) / 2
        return median

    return Statistic(over=over)


def _mape(y: Array, prediction: Array) -> Statistic:
    import numpy as np

    return _mean(np.abs(prediction - y) / np.maximum(np.abs(y), np.finfo(float).eps))


_BINARY: dict[str, Callable[[Array, Array], Statistic]] = {
    "roc_auc": _roc_auc,
    "pr_auc": _pr_auc,
    "log_loss": _log_loss,
    "brier": _brier,
    "accuracy": _accuracy,
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
    "balanced_accuracy": _balanced_accuracy,
}
_MULTICLASS: dict[str, Callable[[Array, Array], Statistic]] = {
    "accuracy": lambda y, p: _mean((_predicted_class(p) == y).astype(float)),
    "balanced_accuracy": _balanced_accuracy_multi,
    "f1_macro": _f1_macro,
    "log_loss": _log_loss_multi,
    "roc_auc_ovr": _roc_auc_ovr,
}
_REGRESSION: dict[str, Callable[[Array, Array], Statistic]] = {
    "rmse": _rmse,
    "mae": lambda y, p: _mean(abs(p - y)),
    "r2": _r2,
    "median_ae": _median_ae,
    "mape": _mape,
    "bias": lambda y, p: _mean(p - y),
}
