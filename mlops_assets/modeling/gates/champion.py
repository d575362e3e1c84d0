"""Refuses a model that is worse than the champion by more than the margin, on the same rows."""

from __future__ import annotations

import math

from mlops_assets.modeling.gate_result import GateResult
from mlops_assets.modeling.gates.bench import Bench, Cases
from mlops_assets.modeling.gates.comparison import DEFAULT_MARGIN, compare_on_any_rows
from mlops_assets.modeling.gates.context import MIN_N, GateContext
from mlops_assets.modeling.gates.limits import decide, show
from mlops_assets.spec.gates import Gate
from mlops_assets.spec.metrics import BOUNDED


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """Pass when the paired interval shows the loss to be within the margin, fail when it shows it to be beyond."""
    margin = DEFAULT_MARGIN if gate.margin is None else gate.margin
    return against_champion(context, name, gate, context.model.main_metric, margin)


def against_champion(context: GateContext, name: str, gate: Gate, metric: str, margin: float) -> GateResult:
    """Non-inferiority of ``metric``; `not_applicable` without a champion, inconclusive where it cannot score these rows."""
    holdout = context.holdout
    required = _required(metric, margin)
    if context.champion is None:
        return GateResult(name, "not_applicable", None, required, n=holdout.n, detail="There is no champion yet.")
    if holdout.champion is None:
        detail = f"Not compared: {holdout.champion_error}."
        return GateResult(name, "inconclusive", None, required, n=holdout.n, n_effective=holdout.n_effective, detail=detail)
    found = compare_on_any_rows(context, metric, holdout.champion, margin, gate.confidence)
    gain, words = found.improvement, found.words[:1].upper() + found.words[1:]
    status, why = decide(gain, at_least=-found.tolerated, min_n=gate.min_n or MIN_N)
    return GateResult(
        name,
        status,
        gain.value if math.isfinite(gain.value) else None,
        f"{_required(found.metric, margin)}, that is an improvement of at least {-found.tolerated:.4g}",
        gain.bounds,
        gain.n,
        gain.n_effective,
        f"{words}{found.metric} {found.candidate:.4g} against the champion's {found.reference:.4g}: improvement {gain.value:.4g}, "
        f"interval {show(gain)}; {why}.",
        {"metric": found.metric, "margin": margin, "champion": context.champion.digest, **found.data},
    )


def _required(metric: str, margin: float) -> str:
    allowed = f"{margin:g}" if metric in BOUNDED else f"{margin:.3g} of its value"
    return f"{metric} at most {allowed} worse than the champion's"


def known_bad(bench: Bench) -> Cases:
    """Models that are worse than a champion that is always right."""
    world = bench.world
    right = world.predictions(world.y_holdout)
    return Cases(
        bad=[
            (
                "a model that is always wrong, beside a champion that is right",
                lambda: bench.predicting(bench.always_wrong(), champion=True),
            ),
            (
                "a model that knows nothing, beside a champion that is right",
                lambda: bench.predicting(bench.knowing_nothing(), champion=True),
            ),
        ],
        good=[("a model that is as good as the champion", lambda: bench.predicting(right, champion=True))],
    )
