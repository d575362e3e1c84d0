"""Metrics of multiclass tasks: P(class) ``(n, k)``, outcomes in {0 … k-1}, -1 for a class that the model does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.metrics.binary import roc_auc
from mlops_assets.modeling.metrics.pointwise import LOG_FLOOR, probability_of_outcome
from mlops_assets.modeling.metrics.statistic import Formula, Statistic, mean_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


def _predicted_class(prediction: Array) -> Array:
    result: Array = prediction.argmax(axis=1)
    return result


def _class_sums(y: Array, prediction: Array) -> Array:
    """Columns: hits per class, rows per true class, rows per predicted class.

    Classes that the model does not know are one more class, which is never predicted.
    """
    import numpy as np

    classes = np.r_[np.arange(prediction.shape[1]), -1]
    true, called = y[:, None] == classes, _predicted_class(prediction)[:, None] == classes
    return np.concatenate([true & called, true, called], axis=1).astype(float)


def _balanced_accuracy(y: Array, prediction: Array) -> Statistic:
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

    one_class = [roc_auc((y == k).astype(float), prediction[:, k]) for k in range(prediction.shape[1])]

    def over(weights: Array) -> Array:
        values = np.stack([statistic.at(weights) for statistic in one_class])
        known = np.isfinite(values)
        return np.where(known.any(axis=0), np.nansum(values, axis=0) / np.maximum(known.sum(axis=0), 1), np.nan)

    return Statistic(over=over)


def _log_loss(y: Array, prediction: Array) -> Statistic:
    import numpy as np

    return mean_of(-np.log(np.clip(probability_of_outcome(y, prediction), LOG_FLOOR, 1)))


FORMULAS: dict[str, Formula] = {
    "accuracy": lambda y, p: mean_of((_predicted_class(p) == y).astype(float)),
    "balanced_accuracy": _balanced_accuracy,
    "f1_macro": _f1_macro,
    "log_loss": _log_loss,
    "roc_auc_ovr": _roc_auc_ovr,
}
