"""A declared threshold on a metric: overall, for every slice of a column, or against the champion or the naive model.

By its confidence interval (95 % unless the gate declares a `confidence`): pass when all of it meets the threshold, fail when all of it
misses, inconclusive when it straddles. With `slice` every value of the column must meet it; the worst status decides,
and a slice with too few rows is inconclusive and named. That all slices pass wrongly is no more likely than that one does
(R. Berger, Technometrics 24 (1982), intersection-union test).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from mlops_assets.modeling.bootstrap import CONFIDENCE, Interval, interval
from mlops_assets.modeling.gate_result import RELATIVE, GateResult, Status, worst
from mlops_assets.modeling.gates import beats_naive, champion
from mlops_assets.modeling.gates.bench import Bench, Cases
from mlops_assets.modeling.gates.comparison import DEFAULT_MARGIN
from mlops_assets.modeling.gates.context import MIN_N, MIN_SLICE_N, GateContext
from mlops_assets.modeling.gates.limits import decide, requirement, show
from mlops_assets.modeling.gates.relative import better_than_champion
from mlops_assets.modeling.metrics import metric_of
from mlops_assets.modeling.synthetic import CLASSES
from mlops_assets.spec.gates import Gate
from mlops_assets.spec.metrics import METRICS


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """Judge one declared metric gate in whichever form it has."""
    assert gate.metric is not None
    if gate.slice is not None:
        return _by_slice(context, name, gate, gate.metric, gate.slice)
    parts = []
    if gate.versus == "champion":
        margin = DEFAULT_MARGIN if gate.margin is None else gate.margin
        parts.append(champion.against_champion(context, name, gate, gate.metric, margin))
    if gate.versus == "naive":
        parts.append(beats_naive.against_naive(context, name, gate, gate.metric, gate.margin or 0.0))
    if gate.at_least is not None or gate.at_most is not None:
        parts.append(_or_better(context, gate, gate.metric, _threshold(context, name, gate, gate.metric)))
    if len(parts) == 1:
        return parts[0]
    deciding = next(part for part in parts if part.status == worst(p.status for p in parts))
    both = {
        "required": "; ".join(part.required for part in parts),
        "detail": " ".join(part.detail for part in parts),
        "data": {**deciding.data, "parts": [part.to_json() for part in parts]},
    }
    return GateResult(**{**{f: getattr(deciding, f) for f in GateResult.__dataclass_fields__}, **both})


def _threshold(context: GateContext, name: str, gate: Gate, metric: str) -> GateResult:
    import numpy as np

    holdout = context.holdout
    found = _measure(context, gate, metric, np.ones(holdout.n, bool))
    status, why = decide(found, at_least=gate.at_least, at_most=gate.at_most, min_n=gate.min_n or MIN_N)
    if math.isnan(found.value) and found.n:
        why = METRICS[metric].undefined or why
    return GateResult(
        name,
        status,
        None if math.isnan(found.value) else found.value,
        requirement(gate, metric) + _at(gate),
        found.bounds,
        found.n,
        found.n_effective,
        f"{metric} {found.value:.4g}, interval {show(found)}: {why}.",
        {"metric": metric, "confidence": found.confidence},
    )


def _or_better(context: GateContext, gate: Gate, metric: str, result: GateResult) -> GateResult:
    """The threshold's result; with `or: better_than_champion` a pass too where the model is shown to beat the champion on ``metric``."""
    if gate.or_ is None:
        return result
    result = replace(result, required=f"{result.required}, or better than the champion")
    if result.status == "pass":
        return result
    beats, words = better_than_champion(context, metric, gate.confidence)
    if not beats:
        return replace(result, detail=f"{result.detail} And it is not better than the champion: {words}.")
    return replace(
        result, status="pass", rule=RELATIVE, detail=f"Passes {RELATIVE}: it {words}. By itself {result.status}: {result.detail}"
    )


def _by_slice(context: GateContext, name: str, gate: Gate, metric: str, column: str) -> GateResult:
    from mlops_assets.modeling.slices import slices_of

    holdout = context.holdout
    required = requirement(gate, metric) + f" for every value of {column}" + _at(gate)
    if gate.versus is not None:
        detail = f"A gate by slice compares with at_least or at_most, not with the {gate.versus}."
        return GateResult(name, "inconclusive", None, required, n=holdout.n, detail=detail)
    values: dict[str, tuple[Interval, Status]] = {}
    for value, inside in slices_of(holdout.rows.table, column):
        found = _measure(context, gate, metric, inside)
        values[value] = found, decide(found, at_least=gate.at_least, at_most=gate.at_most, min_n=gate.min_n or MIN_SLICE_N)[0]
    status = worst(status for _, status in values.values())
    not_passed = {value: found for value, (found, slice_status) in values.items() if slice_status == status}
    shown = _furthest(not_passed, gate) if not_passed else None
    named = ", ".join(f"{value} ({found.value:.4g}, {show(found)}, n {found.n})" for value, found in not_passed.items())
    data: dict[str, Any] = {v: {**found.to_json(), "status": slice_status} for v, (found, slice_status) in values.items()}
    return GateResult(
        name,
        status,
        None if shown is None or math.isnan(shown.value) else shown.value,
        required,
        None if shown is None else shown.bounds,
        holdout.n if shown is None else shown.n,
        holdout.n_effective if shown is None else shown.n_effective,
        f"{status.capitalize()} for {column}: {named}." if named else f"{column} has no values.",
        {"metric": metric, "slices": data},
    )


def _measure(context: GateContext, gate: Gate, metric_name: str, inside: Any) -> Interval:
    """The metric of a subset of the holdout. One that is best at zero is judged by its size, unless `at_least` asks for its sign."""
    import numpy as np

    holdout = context.holdout.take(inside)
    metric, worth = metric_of(metric_name, holdout.task), holdout.n_effective
    (draws,) = holdout.measure([(metric_name, holdout.prediction)], context.seed)
    found = interval(draws, holdout.blocks, worth, gate.confidence or CONFIDENCE)
    if metric.row.better == "zero" and gate.at_least is None and found.bounds is not None:
        low, high = found.bounds
        nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        return Interval(abs(draws.value), nearest, float(np.max(np.abs([low, high]))), found.n, worth, found.confidence)
    return found


def _furthest(values: dict[str, Interval], gate: Gate) -> Interval:
    """The slice that is furthest from the requirement; one without a value comes first."""

    def distance(found: Interval) -> float:
        if math.isnan(found.value):
            return -math.inf
        return found.value if gate.at_least is not None else -found.value

    return min(values.values(), key=distance)


def _at(gate: Gate) -> str:
    return "" if gate.confidence is None else f", at confidence {gate.confidence:g}"


def known_bad(bench: Bench) -> Cases:
    """Models that are right for ever fewer rows, beside those that its comparisons must refuse."""
    import numpy as np

    gate, world = bench.gate, bench.world
    if gate.versus == "champion":
        return champion.known_bad(bench)
    if gate.versus == "naive":
        naive = beats_naive.known_bad(bench)
        return Cases(
            bad=[*naive.bad, ("a model that is always wrong", lambda: bench.predicting(bench.always_wrong()))],
            good=naive.good,
        )
    shifted = [
        (f"a model that is off by {shift:g}", lambda shift=shift: bench.predicting(world.y_holdout + shift))
        for shift in _shifts(gate)
        if not CLASSES[world.task]
    ]
    if gate.slice is None:
        return Cases(bad=[*bench.levels(), *shifted], good=[*bench.levels(), *shifted])
    half = np.arange(len(world.y_holdout)) // 6 % 2 == 1
    columns = {gate.slice: (np.full(len(world.y_train), "one", object), np.where(half, "two", "one").astype(object))}
    levels = bench.levels(half, columns)
    bad = [(f"{title} of one slice", make) for title, make in levels]
    return Cases(bad=bad, good=[*bench.levels(None, columns)])


def _shifts(gate: Gate) -> list[float]:
    """Errors that lie beyond the limits of a gate on either side, and between them."""
    limits = [limit for limit in (gate.at_least, gate.at_most) if limit is not None]
    far = 10 * max(1.0, *(abs(limit) for limit in limits))
    middle = sum(limits) / len(limits)
    return [far, -far, middle, -middle]
