"""Refuses a model that is not better than one that has no features.

Binary tasks are judged by the area under the ROC curve, where a constant scores 0.5; multiclass tasks by log loss against the
shares of the classes; regression by RMSE against the mean. It passes where the lower confidence bound of the improvement is above 0, with a
confidence of :data:`CONFIDENCE`, so that of ten thousand models that know nothing one passes. It is red where the usual interval leaves no
improvement worth having (:data:`NEGLIGIBLE`), and inconclusive between.
"""

from __future__ import annotations

import math

from mlops_assets.modeling.gate_result import GateResult, Status
from mlops_assets.modeling.gates.bench import Bench, Cases
from mlops_assets.modeling.gates.comparison import compare
from mlops_assets.modeling.gates.context import MIN_N, GateContext
from mlops_assets.modeling.gates.limits import show
from mlops_assets.modeling.gates.relative import relative_to_champion
from mlops_assets.spec.gates import Gate
from mlops_assets.spec.metrics import BOUNDED, GREATER_IS_BETTER

CONFIDENCE = 0.9998
NEGLIGIBLE, NEGLIGIBLE_SHARE = 0.05, 0.02
"""Improvements that are not worth having: of a metric on a fixed scale, and of others as a share of the naive model's value."""


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """Pass, fail or inconclusive by the interval of the improvement over the naive model."""
    metric = context.model.main_metric
    surely = gate if gate.confidence is not None else gate.model_copy(update={"confidence": CONFIDENCE})
    result = against_naive(context, name, surely, metric, 0.0)
    if result.status == "inconclusive" and (usual := against_naive(context, name, gate, metric, 0.0)).status == "fail":
        result = usual
    return relative_to_champion(context, gate, result, lambda: (True, "the naive model is asked by the same metric", {}))


def against_naive(context: GateContext, name: str, gate: Gate, metric: str, margin: float) -> GateResult:
    """Pass when the lower bound of the improvement over the naive model is above ``-margin``, fail when the upper one leaves nothing.

    The bounds are those of the gate's confidence.
    """
    holdout = context.holdout
    found = compare(context, metric, holdout.naive, margin, gate.confidence)
    gain, needed = found.improvement, gate.min_n or MIN_N
    status: Status
    if gain.bounds is None or gain.n_effective < needed:
        status, why = "inconclusive", f"{gain.n_effective:.0f} effective rows, or one class only, are too few to tell"
    elif gain.bounds[0] > -found.tolerated:
        status, why = "pass", "is better" if gain.bounds[0] > 0 else "is worse by less than the margin"
    elif gain.bounds[1] <= -found.tolerated + _negligible(metric, found.reference):
        status, why = "fail", "is not better by anything worth having" if not margin else "is worse by more than the margin"
    else:
        status, why = "inconclusive", "is not shown to be better" if not margin else "is not shown to be within the margin"
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


def _negligible(metric: str, reference: float) -> float:
    return NEGLIGIBLE if metric in BOUNDED else NEGLIGIBLE_SHARE * abs(reference)


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
