"""Refuses a model that is not better than one that has no features.

Binary tasks are judged by the area under the ROC curve, where a constant scores 0.5; multiclass tasks by log loss against the
shares of the classes; regression by RMSE against the mean. Red unless the lower confidence bound of the improvement is above 0.
"""

from __future__ import annotations

import math

from mlops_assets.modeling.gate_result import GateResult, Status
from mlops_assets.modeling.gates.bench import Bench, Cases
from mlops_assets.modeling.gates.comparison import compare
from mlops_assets.modeling.gates.context import MIN_N, GateContext
from mlops_assets.modeling.gates.limits import show
from mlops_assets.spec.gates import Gate
from mlops_assets.spec.metrics import GREATER_IS_BETTER


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """Pass, fail, or inconclusive where the rows are too few for an interval."""
    return against_naive(context, name, gate, context.model.main_metric, 0.0)


def against_naive(context: GateContext, name: str, gate: Gate, metric: str, margin: float) -> GateResult:
    """Pass when the lower confidence bound of the improvement over the naive model lies above ``-margin``, else fail."""
    holdout = context.holdout
    found = compare(context, metric, holdout.naive, margin, gate.confidence)
    gain, needed = found.improvement, gate.min_n or MIN_N
    status: Status
    if gain.bounds is None or gain.n_effective < needed:
        status, why = "inconclusive", f"{gain.n_effective:.0f} effective rows, or one class only, are too few to tell"
    elif gain.bounds[0] > -found.tolerated:
        status, why = "pass", "is better" if gain.bounds[0] > 0 else "is worse by less than the margin"
    else:
        status, why = "fail", "is not shown to be better" if not margin else "is not shown to be within the margin"
    return GateResult(
        name,
        status,
        found.candidate if math.isfinite(found.candidate) else None,
        f"{metric} better than the naive model's {found.reference:.4g}"
        + (f" less {found.tolerated:.4g}" if margin else "")
        + ", by the lower confidence bound",
        None if gain.bounds is None else _around(metric, found.reference, gain.bounds),
        gain.n,
        gain.n_effective,
        f"{metric} {found.candidate:.4g} against {found.reference:.4g} of {holdout.naive_method}: {why}; improvement {show(gain)}.",
        {"metric": metric, "naive": holdout.naive_method, **found.data},
    )


def _around(metric: str, reference: float, gain: tuple[float, float]) -> tuple[float, float]:
    """Bounds of the improvement on the scale of the metric, so that they can be read beside the observed value."""
    low, high = gain
    return (reference + low, reference + high) if GREATER_IS_BETTER[metric] else (reference - high, reference - low)


def known_bad(bench: Bench) -> Cases:
    """Predictions that have nothing to do with the outcome."""
    return Cases(
        bad=[("predictions that have nothing to do with the outcome", lambda: bench.predicting(bench.knowing_nothing()))],
        good=[("a model that is right", lambda: bench.claiming(True))],
    )
