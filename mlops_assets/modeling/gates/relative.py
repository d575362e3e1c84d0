"""No worse than what serves: a gate of quality that a candidate does not pass by itself may pass beside the champion.

Refusing a candidate keeps the champion. Where the candidate beats it on the same rows, by the lower confidence bound of the main metric's
improvement, and is not worse on the gate's own measure, that would keep the worse one. A definition forbids it with `absolute: true`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mlops_assets.modeling.gate_result import RELATIVE, GateResult
from mlops_assets.modeling.gates.comparison import compare
from mlops_assets.modeling.gates.context import MIN_N, GateContext
from mlops_assets.modeling.gates.limits import show
from mlops_assets.spec.gates import Gate

Beside = Callable[[], tuple[bool, str, dict[str, Any]]]
"""Whether the candidate is not worse than the champion on the gate's own measure, that in words, and its numbers."""


def better_than_champion(context: GateContext, metric: str, confidence: float | None = None) -> tuple[bool, str]:
    """Whether the candidate beats the champion by the lower confidence bound of ``metric``'s improvement, and that in words."""
    champion = context.holdout.champion
    if champion is None:
        return False, "there is no champion that scores these rows"
    found = compare(context, metric, champion, 0.0, confidence)
    gain = found.improvement
    beats = gain.bounds is not None and gain.bounds[0] > 0 and gain.n_effective >= MIN_N
    words = "beats the champion" if beats else "is not shown to beat the champion"
    return beats, f"{words}: {metric} {found.candidate:.4g} against {found.reference:.4g}, improvement {show(gain)}"


def relative_to_champion(context: GateContext, gate: Gate, result: GateResult, beside: Beside) -> GateResult:
    """The result, or a pass relative to the champion where it is red or inconclusive and the champion is shown to be the worse one."""
    if result.status not in ("fail", "inconclusive") or gate.absolute or context.holdout.champion is None:
        return result
    beats, words = better_than_champion(context, context.model.main_metric)
    if not beats:
        return result
    not_worse, measured, data = beside()
    shown = {"absolute": {"status": result.status, "detail": result.detail}, **data}
    if not not_worse:
        return replace(result, detail=f"{result.detail} It {words}, but is worse here: {measured}.", data={**result.data, **shown})
    return replace(
        result,
        status="pass",
        rule=RELATIVE,
        detail=f"Passes {RELATIVE}: it {words}; {measured}. By itself {result.status}: {result.detail}",
        data={**result.data, **shown},
    )
