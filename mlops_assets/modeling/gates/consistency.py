"""Refuses a bundle that scores a row differently in batch and alone, or that gives numbers that are no prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.gate_result import GateResult
from mlops_assets.modeling.gates.bench import Bench, Case, Cases
from mlops_assets.modeling.gates.context import GateContext
from mlops_assets.modeling.gates.limits import sentence
from mlops_assets.modeling.synthetic import make_bundle, make_set, prediction_columns, reading
from mlops_assets.spec.gates import Gate

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

ROWS = 200


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """Compare bit by bit: a whole frame, JSON rows at once, JSON rows one by one, and one row with everything missing."""
    import numpy as np

    bundle, holdout = context.bundle, context.holdout
    required = "the same prediction in batch and row by row, bit by bit"
    if not holdout.n:
        return GateResult(name, "inconclusive", None, required, detail="The holdout is empty.")
    chosen = np.sort(context.random().choice(holdout.n, min(ROWS, holdout.n), replace=False))
    features = [feature.name for feature in bundle.signature.features]
    frame = holdout.rows.table[features].iloc[chosen].reset_index(drop=True)
    rows = bundle.json_rows(frame)
    batch = np.asarray(bundle.predict(frame))
    together = np.asarray(bundle.predict_rows(rows))
    alone = np.concatenate([np.asarray(bundle.predict_rows([row])) for row in rows])
    differ = _differ(batch, together) | _differ(batch, alone) | _differ(batch, holdout.prediction[chosen])
    invalid = _invalid(holdout.prediction, holdout.task)
    count = int(differ.sum())
    largest = float(np.nanmax(np.abs(np.stack([together, alone]) - batch)))
    problems = []
    if count:
        problems.append(f"{count} of {len(chosen)} rows score differently, by up to {largest:.3g}")
    if invalid:
        problems.append(f"{invalid} of {holdout.n} predictions are no {'probabilities' if holdout.classes else 'finite numbers'}")
    return GateResult(
        name,
        "fail" if problems else "pass",
        float(count),
        required,
        None,
        len(chosen),
        float(len(chosen)),
        sentence(problems) if problems else f"{len(chosen)} rows score the same in batch, together and one by one.",
        {"rows": chosen[differ][:20].tolist(), "largest_difference": largest, "invalid": invalid},
    )


def _differ(a: Array, b: Array) -> Array:
    """Which rows are not the same, NaN counting as different."""
    import numpy as np

    if a.shape != b.shape:
        return np.ones(len(a), bool)
    same = a == b
    differ: Array = ~(same if same.ndim == 1 else same.all(axis=1))
    return differ


def _invalid(prediction: Array, task: str) -> int:
    import numpy as np

    finite = np.isfinite(prediction)
    if task == "binary_classification":
        return int((~(finite & (prediction >= 0) & (prediction <= 1))).sum())
    if task == "multiclass_classification":
        valid = (finite & (prediction >= 0)).all(axis=1) & (np.abs(prediction.sum(axis=1) - 1) < 1e-6)
        return int((~valid).sum())
    return int((~finite).sum())


def known_bad(bench: Bench) -> Cases:
    """A model that scores single rows a little higher than batches."""
    world = bench.world
    score, features = reading(world.task, "p")
    columns = prediction_columns("p", *(world.predictions(y) * 0.5 + 0.25 for y in (world.y_train, world.y_holdout)))
    if world.task == "multiclass_classification":
        columns = prediction_columns("p", world.predictions(world.y_train), world.predictions(world.y_holdout))

    def scoring(alone: float) -> Case:
        return lambda: bench.context(make_bundle(world.task, score, features, alone=alone), make_set(world, columns))

    return Cases(
        bad=[("a model that scores single rows a billionth higher", scoring(1e-9))],
        good=[("a model that scores single rows the same", scoring(0.0))],
    )
