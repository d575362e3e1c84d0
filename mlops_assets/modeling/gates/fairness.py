"""A declared limit on how differently a classifier treats the groups of a sensitive column.

The value is the one that fairlearn defines (https://fairlearn.org, `fairlearn.metrics`), worst case between groups; its interval comes
from the same counts on resampled blocks. A row is selected from a probability of 0.5 on. Groups with fewer than `min_n` effective rows
are left out, named, and keep the gate from passing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.bootstrap import CONFIDENCE, Interval, draw, interval
from mlops_assets.modeling.gate_result import GateResult, Status
from mlops_assets.modeling.gates.bench import Bench, Case, Cases
from mlops_assets.modeling.gates.context import MIN_N, MIN_SLICE_N, GateContext
from mlops_assets.modeling.gates.limits import decide, requirement, show
from mlops_assets.modeling.metrics.statistic import Statistic
from mlops_assets.modeling.slices import slices_of
from mlops_assets.modeling.synthetic import make_bundle, make_set, prediction_columns, reading
from mlops_assets.spec.gates import Gate

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """Pass, fail or inconclusive by the interval of the fairness metric; every group's n is shown."""
    import numpy as np

    assert gate.fairness is not None
    assert gate.attribute is not None
    holdout = context.holdout
    required = requirement(gate, f"{gate.fairness} over {gate.attribute}")
    if holdout.task not in gate.row.tasks:
        detail = f"{gate.fairness} is defined for binary classification, and this model does {holdout.task}."
        return GateResult(name, "inconclusive", None, required, n=holdout.n, detail=detail)
    groups: list[tuple[str, Array]] = []
    left_out: list[tuple[str, Array]] = []
    described: dict[str, dict[str, Any]] = {}
    for value, inside in slices_of(holdout.rows.table, gate.attribute):
        worth = holdout.take(inside).n_effective
        described[value] = _describe(holdout.y[inside], holdout.prediction[inside] >= 0.5, worth)
        (groups if worth >= (gate.min_n or MIN_SLICE_N) else left_out).append((value, inside))
    counted = np.any([inside for _, inside in groups], axis=0) if groups else np.zeros(holdout.n, bool)
    found = Interval(float("nan"), None, None, int(counted.sum()), 0.0)
    if len(groups) > 1:
        found = _measure(context, gate, counted, [inside[counted] for _, inside in groups])
    status: Status
    status, why = decide(found, at_least=gate.at_least, at_most=gate.at_most, min_n=MIN_N)
    if len(groups) < 2:
        status, why = "inconclusive", f"{len(groups)} group of {gate.attribute} has enough rows, and two are needed"
    small = ", ".join(f"{value} (n {described[value]['n']})" for value, _ in left_out)
    if small and status == "pass":
        status = "inconclusive"
    sizes = ", ".join(f"{value} {described[value]['n']}" for value, _ in groups)
    return GateResult(
        name,
        status,
        None if math.isnan(found.value) else found.value,
        required,
        found.bounds,
        found.n,
        found.n_effective,
        f"{gate.fairness} over {gate.attribute} {found.value:.4g}, interval {show(found)}: {why}. Rows per group: {sizes or 'none'}."
        + (f" Too few rows to judge: {small}." if small else ""),
        {"attribute": gate.attribute, "interval": show(found), "groups": described, "left_out": [value for value, _ in left_out]},
    )


def group_statistic(metric: str, y: Array, selected: Array, groups: list[Array]) -> Statistic:
    """A fairness metric as sums: per group rows, selected, positives, selected positives. Equals fairlearn's worst case."""
    import numpy as np

    columns = [np.column_stack([g, g & selected, g & (y == 1), g & selected & (y == 1)]) for g in groups]
    kind = metric.rsplit("_", 1)[1]

    def combine(sums: Array) -> Array:
        n, chosen, positive, hit = np.moveaxis(sums.reshape(len(sums), -1, 4), 2, 0)
        rates = {
            "demographic_parity": [chosen / n],
            "equal_opportunity": [hit / positive],
            "equalized_odds": [hit / positive, (chosen - hit) / (n - positive)],
        }[metric.removesuffix(f"_{kind}")]
        gaps = [r.min(axis=1) / r.max(axis=1) if kind == "ratio" else r.max(axis=1) - r.min(axis=1) for r in rates]
        worst: Array = np.min(gaps, axis=0) if kind == "ratio" else np.max(gaps, axis=0)
        return worst

    return Statistic(np.concatenate(columns, axis=1).astype(float), combine)


def _measure(context: GateContext, gate: Gate, counted: Array, groups: list[Array]) -> Interval:
    assert gate.fairness is not None
    holdout = context.holdout.take(counted)
    y, selected, blocks, seed = holdout.y, holdout.prediction >= 0.5, holdout.blocks, context.seed
    statistic = group_statistic(gate.fairness, y, selected, groups)
    draws = draw({"value": statistic}, blocks, seed=seed, resampling=holdout.resampling(seed))["value"]
    return interval(draws, blocks, holdout.n_effective, gate.confidence or CONFIDENCE)


def _describe(y: Array, selected: Array, worth: float) -> dict[str, Any]:
    positive = y == 1
    return {
        "n": len(y),
        "n_effective": round(worth, 1),
        "selected": float(selected.mean()),
        "true_positive_rate": float(selected[positive].mean()) if positive.any() else None,
        "false_positive_rate": float(selected[~positive].mean()) if (~positive).any() else None,
    }


def known_bad(bench: Bench) -> Cases:
    """A model that selects one group only; where the gate asks for that, one that treats all alike."""
    import numpy as np

    gate, world = bench.gate, bench.world
    n = len(world.y_holdout)
    group = np.arange(n) // 2 % 2
    turn = np.arange(n) // 4 % 5
    selected = np.where(world.y_holdout == 1, turn < 3, turn < 1)
    columns = {
        str(gate.attribute): (np.full(len(world.y_train), "one", object), np.where(group == 1, "two", "one").astype(object)),
        "block": (np.arange(len(world.y_train)) + n, np.arange(n) // 20),
    }

    def choosing(chosen: Array) -> Case:
        def make() -> GateContext:
            score, features = reading(world.task, "p")
            both = {**columns, **prediction_columns("p", world.y_train, chosen.astype(float))}
            return bench.context(make_bundle(world.task, score, features), make_set(world, both, ("block",)))

        return make

    unfair = ("a model that selects one group only", choosing(selected & (group == 0)))
    fair = ("a model that treats both groups alike", choosing(selected))
    return Cases(bad=[unfair, fair], good=[fair, unfair])
