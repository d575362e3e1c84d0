"""Candidate against another model on the same rows: paired differences of one metric.

Rows of one class have no AUC and the like. Beside the champion another metric stands in there
(:data:`mlops_assets.spec.metrics.WITH_ONE_CLASS`): which of two models says more of what happened can be told on such rows too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.bootstrap import CONFIDENCE, Interval
from mlops_assets.spec.metrics import stand_ins

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.modeling.gates.context import GateContext

    Array = np.ndarray[Any, np.dtype[Any]]

DEFAULT_MARGIN = 0.01


@dataclass(frozen=True)
class Comparison:
    """``improvement`` is positive where the candidate is better, whichever way the metric points.

    ``metric`` is what was compared; ``words`` say so where that is another one than was asked for.
    """

    candidate: float
    reference: float
    improvement: Interval
    tolerated: float
    metric: str
    words: str = ""

    @property
    def data(self) -> dict[str, Any]:
        return {
            "candidate": _finite(self.candidate),
            "reference": _finite(self.reference),
            "improvement": self.improvement.to_json(),
            "tolerated_loss": self.tolerated,
        }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def compare_on_any_rows(context: GateContext, metric_name: str, reference: Array, margin: float, confidence: float | None) -> Comparison:
    """Like :func:`compare`; by the first metric that has a value on rows of one class, where ``metric_name`` has none on them."""
    found = compare(context, metric_name, reference, margin, confidence)
    if not math.isnan(found.candidate) or not one_class(context.holdout.y):
        return found
    for other in stand_ins(context.holdout.task):
        instead = compare(context, other, reference, margin, confidence)
        if math.isfinite(instead.candidate):
            return replace(instead, words=f"one class only: compared by {other}; ")
    return found


def one_class(y: Array) -> bool:
    """Whether there are outcomes ``y``, and all are the same."""
    return len(y) > 0 and bool((y == y[0]).all())


def compare(context: GateContext, metric_name: str, reference: Array, margin: float, confidence: float | None) -> Comparison:
    """Paired block bootstrap of the metric's improvement over ``reference``'s predictions.

    ``margin`` is a difference for metrics on a fixed scale and a share of the reference's value for the others (log loss, RMSE).
    """
    import numpy as np

    from mlops_assets.modeling.bootstrap import Draws, interval
    from mlops_assets.modeling.metrics import metric_of

    holdout = context.holdout
    metric = metric_of(metric_name, holdout.task)
    mine, other = holdout.measure([(metric_name, holdout.prediction), (metric_name, reference)], context.seed)
    value = float(metric.improvement(np.asarray(mine.value), np.asarray(other.value)))
    difference = Draws(value, metric.improvement(mine.resampled, other.resampled))
    tolerated = margin if metric.row.bounded else margin * abs(other.value)
    bounds = interval(difference, holdout.blocks, holdout.n_effective, confidence or CONFIDENCE)
    return Comparison(mine.value, other.value, bounds, tolerated, metric_name)
