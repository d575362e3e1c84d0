"""Candidate against another model on the same rows: paired differences of one metric."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.bootstrap import CONFIDENCE, Interval

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.modeling.gates.context import GateContext

    Array = np.ndarray[Any, np.dtype[Any]]

DEFAULT_MARGIN = 0.01


@dataclass(frozen=True)
class Comparison:
    """``improvement`` is positive where the candidate is better, whichever way the metric points."""

    candidate: float
    reference: float
    improvement: Interval
    tolerated: float

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
    return Comparison(mine.value, other.value, bounds, tolerated)
