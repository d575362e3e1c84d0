"""Refuses a bundle that scores a row differently in batch, alone and in the server, or that gives numbers that are no prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.gate_result import GateResult
from mlops_assets.modeling.gates.bench import Bench, Case, Cases
from mlops_assets.modeling.gates.context import GateContext
from mlops_assets.modeling.gates.limits import sentence
from mlops_assets.modeling.requests.asking import ask_rows, askable
from mlops_assets.modeling.requests.edges import edge_rows
from mlops_assets.modeling.requests.forms import FORMS
from mlops_assets.modeling.requests.reader import RowReader
from mlops_assets.modeling.signature import BundleInputError
from mlops_assets.modeling.synthetic import make_bundle, make_set, prediction_columns, reading
from mlops_assets.spec.gates import Gate

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.modeling.bundle import Bundle

    Array = np.ndarray[Any, np.dtype[Any]]

ROWS = 200


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """Compare bit by bit: a whole frame, JSON rows at once and one by one, and what a server answers that loads the bundle anew.

    The server is asked for the same rows and for made-up ones at the edges of the features, in every form that it offers, as bytes.
    """
    import numpy as np

    bundle, holdout = context.bundle, context.holdout
    required = "the same prediction in batch, row by row and by the server, bit by bit"
    if not holdout.n:
        return GateResult(name, "inconclusive", None, required, detail="The holdout is empty.")
    chosen = np.sort(context.random().choice(holdout.n, min(ROWS, holdout.n), replace=False))
    features = [feature.name for feature in bundle.signature.features]
    frame = holdout.rows.table[features].iloc[chosen].reset_index(drop=True)
    batch = np.asarray(bundle.predict(frame))
    differ = _differ(batch, holdout.prediction[chosen])
    largest = 0.0
    problems = []
    try:
        rows = bundle.json_rows(frame)
        together = np.asarray(bundle.predict_rows(rows))
        alone = np.concatenate([np.asarray(bundle.predict_rows([row])) for row in rows])
        differ |= _differ(batch, together) | _differ(batch, alone)
        largest = float(np.nanmax(np.abs(np.stack([together, alone]) - batch)))
    except (ValueError, BundleInputError) as error:
        problems.append(f"stored rows are not taken as rows of a request: {_said(error)}")
    count = int(differ.sum())
    if count:
        problems.append(f"{count} of {len(chosen)} rows score differently, by up to {largest:.3g}")
    if (invalid := _invalid(holdout.prediction, holdout.task)) > 0:
        problems.append(f"{invalid} of {holdout.n} predictions are no {'probabilities' if holdout.classes else 'finite numbers'}")
    problems.extend(_served(bundle, frame))
    return GateResult(
        name,
        "fail" if problems else "pass",
        float(count),
        required,
        None,
        len(chosen),
        float(len(chosen)),
        sentence(problems) if problems else f"{len(chosen)} rows score the same in batch, together, one by one and by the server.",
        {"rows": chosen[differ][:20].tolist(), "largest_difference": largest, "invalid": invalid},
    )


def _served(bundle: Bundle, frame: pd.DataFrame) -> list[str]:
    """Why a server could not serve the bundle, or would answer otherwise than a batch: one sentence a reason."""
    try:
        loaded = bundle.reloaded()
        reader = RowReader(loaded)
        samples = [askable(loaded, frame), askable(loaded, edge_rows(loaded))]
        expected = [_bits(loaded.predict(sample)) for sample in samples]
        rows, edges = (loaded.json_rows(sample) for sample in samples)
        asked = [(rows, expected[0]), (edges, expected[1]), (rows[:1], expected[0][:1])]
    except Exception as error:  # Whatever stops a server from loading it, the gate must say so.
        return [f"a server could not load it: {_said(error)}"]
    problems: dict[str, list[str]] = {}
    for form in FORMS:
        for sample, known in asked:
            if not sample:
                continue
            try:
                found = _bits(ask_rows(reader, sample, form))
                said = "" if found == known else "the server would answer otherwise than a batch"
            except Exception as error:
                said = f"the server could not read rows of its own: {_said(error)}"
            if said:
                problems.setdefault(said, []).append(form.name)
    return [f"{said}, in the form {', '.join(dict.fromkeys(names))}" for said, names in problems.items()]


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".")


def _bits(prediction: Array) -> list[bytes]:
    """Each row's numbers as bytes, so that NaN equals itself."""
    import numpy as np

    return [row.tobytes() for row in np.ascontiguousarray(prediction, dtype="float64")]


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
    """Models that score single rows or requests a little higher than batches, and one whose rows no request can bring."""
    world = bench.world
    score, features = reading(world.task, "p")
    columns = prediction_columns("p", *(world.predictions(y) * 0.5 + 0.25 for y in (world.y_train, world.y_holdout)))
    if world.task == "multiclass_classification":
        columns = prediction_columns("p", world.predictions(world.y_train), world.predictions(world.y_holdout))

    def scoring(features: Mapping[str, str] = features, **more: float) -> Case:
        return lambda: bench.context(make_bundle(world.task, score, features, **more), make_set(world, columns))

    return Cases(
        bad=[
            ("a model that scores single rows a billionth higher", scoring(alone=1e-9)),
            ("a model that scores what a request brings a billionth higher", scoring(asked=1e-9)),
            ("a model whose signature refuses its own rows", scoring(dict.fromkeys(features, "bool"))),
        ],
        good=[("a model that scores single rows and requests the same", scoring())],
        every=True,
    )
