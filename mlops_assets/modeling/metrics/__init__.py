"""The metrics of each task, in a form that a bootstrap can evaluate hundreds of times.

A metric turns outcomes ``y (n,)`` and predictions into a :class:`~mlops_assets.modeling.metrics.statistic.Statistic`: either sums over
rows, which a resample of blocks only has to add up, or a function of row weights ``(resamples, n)`` that sorts once and cumulates weights.

Predictions are P(positive) ``(n,)`` for binary tasks with ``y`` in {0, 1}; P(class) ``(n, k)`` for multiclass tasks with
``y`` in {0 … k-1}, -1 for a class that the model does not know; values ``(n,)`` for regression. A class is predicted
positive from 0.5 on. Where a metric has no value, such as the AUC of one class, it is NaN, never a favourable number.
Definitions follow scikit-learn (https://scikit-learn.org/stable/modules/model_evaluation.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError, nearest
from mlops_assets.modeling.metrics import binary, multiclass, regression
from mlops_assets.modeling.metrics.statistic import Formula
from mlops_assets.spec.metrics import METRICS, MetricRow, metric_names

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

FORMULAS: dict[str, dict[str, Formula]] = {
    "binary_classification": binary.FORMULAS,
    "multiclass_classification": multiclass.FORMULAS,
    "regression": regression.FORMULAS,
    "forecasting": regression.FORMULAS,
}
"""Formula of each metric, by task."""


@dataclass(frozen=True)
class Metric:
    """One metric of one task: its row in the language, and its formula."""

    row: MetricRow
    task: str
    prepare: Formula

    @property
    def name(self) -> str:
        return self.row.name

    def compute(self, y: Array, prediction: Array, weight: Array | None = None) -> float:
        """The metric of these rows, each counted ``weight`` times (default: once)."""
        import numpy as np

        weights = np.ones(len(y), np.uint8) if weight is None else np.asarray(weight, float)
        if len(y) == 0 or not weights.sum() > 0:
            return float("nan")
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(self.prepare(np.asarray(y), np.asarray(prediction, float)).at(weights[None, :])[0])

    def improvement(self, candidate: Array, reference: Array) -> Array:
        """How much better ``candidate`` is than ``reference``, positive where it is better; elementwise."""
        import numpy as np

        if self.row.better == "zero":
            return np.abs(reference) - np.abs(candidate)
        return candidate - reference if self.row.better == "greater" else reference - candidate


def metric_of(name: str, task: str) -> Metric:
    """The metric ``name`` of ``task``.

    Raises:
        MlopsError: when the task has no such metric; names the valid ones.
    """
    valid = metric_names(task)
    if name not in valid:
        guess = nearest(name, valid)
        raise MlopsError(f"{name!r} is no metric of {task}.", valid=valid, do=f"Did you mean {guess!r}?" if guess else None)
    return Metric(METRICS[name], task, FORMULAS[task][name])


def metrics_of(task: str) -> list[Metric]:
    """All metrics of a task, in the order of the language."""
    return [metric_of(name, task) for name in metric_names(task)]
