"""A declared limit on how much of the main metric is lost when the holdout's features are disturbed.

`noise` adds normal noise of `scale` standard deviations to every numeric feature; `missing` blanks a share `scale` of the values of every
feature. The loss is the mean over several disturbances, in the units of the metric, paired on the same rows: so many that about
:data:`DISTURBED_ROWS` rows are disturbed, :data:`MAX_REPEATS` at most and two at least.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.bootstrap import CONFIDENCE, Draws, draw, interval
from mlops_assets.modeling.gate_result import GateResult
from mlops_assets.modeling.gates.bench import Bench, Case, Cases
from mlops_assets.modeling.gates.context import MIN_N, GateContext
from mlops_assets.modeling.gates.limits import decide, show
from mlops_assets.modeling.metrics import metric_of
from mlops_assets.modeling.synthetic import make_bundle, make_set
from mlops_assets.spec.gates import Gate

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.modeling.signature import Feature

    Array = np.ndarray[Any, np.dtype[Any]]

MAX_REPEATS, DISTURBED_ROWS = 5, 10_000


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """Pass, fail or inconclusive by the interval of the loss; `not_applicable` to noise without a numeric feature."""
    import numpy as np

    assert gate.scale is not None
    assert gate.max_drop is not None
    holdout, bundle = context.holdout, context.bundle
    metric = metric_of(context.model.main_metric, holdout.task)
    how = f"noise of {gate.scale:g} sd" if gate.robustness == "noise" else f"{gate.scale:.0%} of values missing"
    required = f"loss of {metric.name} under {how} at most {gate.max_drop:g}"
    features = list(bundle.signature.features)
    if gate.robustness == "noise" and not any(f.type in ("int64", "float64") for f in features):
        return GateResult(name, "not_applicable", None, required, n=holdout.n, detail="The model has no numeric feature.")
    if not holdout.n:
        return GateResult(name, "inconclusive", None, required, detail="The holdout is empty.")
    frame = holdout.rows.table[[f.name for f in features]]
    random = context.random()
    (calm,) = holdout.measure([(metric.name, holdout.prediction)], context.seed)
    statistics = {}
    for repeat in range(max(2, min(MAX_REPEATS, -(-DISTURBED_ROWS // holdout.n)))):
        disturbed = _noisy(frame, features, gate.scale, random) if gate.robustness == "noise" else _blanked(frame, gate.scale, random)
        statistics[f"disturbed {repeat}"] = metric.prepare(holdout.y, np.asarray(bundle.predict(disturbed), float))
    draws = draw(statistics, holdout.blocks, seed=context.seed, resampling=holdout.resampling(context.seed))
    value = float(np.mean([metric.improvement(np.asarray(calm.value), np.asarray(d.value)) for d in draws.values()]))
    resampled = np.mean([metric.improvement(calm.resampled, d.resampled) for d in draws.values()], axis=0)
    found = interval(Draws(value, resampled), holdout.blocks, holdout.n_effective, gate.confidence or CONFIDENCE)
    status, why = decide(found, at_most=gate.max_drop, min_n=gate.min_n or MIN_N)
    after = float(np.mean([d.value for d in draws.values()]))
    return GateResult(
        name,
        status,
        value,
        required,
        found.bounds,
        found.n,
        found.n_effective,
        f"{metric.name} {calm.value:.4g}, under {how} {after:.4g}: loss {value:.4g}, interval {show(found)}; {why}.",
        {"metric": metric.name, "calm": calm.value, "disturbed": [d.value for d in draws.values()]},
    )


def _noisy(frame: pd.DataFrame, features: list[Feature], scale: float, random: np.random.Generator) -> pd.DataFrame:
    """Whole numbers stay whole, so that a feature keeps its type."""
    import numpy as np

    result = frame.copy()
    for feature in features:
        if feature.type in ("int64", "float64"):
            values = frame[feature.name].to_numpy(float, na_value=np.nan)
            known = values[np.isfinite(values)]
            noisy = values + random.normal(0, scale * (known.std() if len(known) else 0.0), len(values))
            result[feature.name] = np.round(noisy) if feature.type == "int64" else noisy
    return result


def _blanked(frame: pd.DataFrame, share: float, random: np.random.Generator) -> pd.DataFrame:
    result = frame.astype(object)
    for column in result.columns:
        result[column] = result[column].where(random.random(len(result)) >= share, None)
    return result


def known_bad(bench: Bench) -> Cases:
    """A model that knows the rows by heart."""
    import numpy as np

    world = bench.world
    known = {round(float(v), 12): i for i, v in enumerate(world.signal_holdout)}
    right, wrong = world.predictions(world.y_holdout), bench.always_wrong()

    def brittle(frame: Any) -> Array:
        places = [known.get(round(float(v), 12) if v is not None else np.nan) for v in frame["signal"]]
        return np.array([right[i] if i is not None else wrong[row % len(wrong)] for row, i in enumerate(places)])

    def steady(frame: Any) -> Array:
        return right[: len(frame)]

    def case(score: Any) -> Case:
        return lambda: bench.context(make_bundle(world.task, score, {"signal": "float64"}), make_set(world, {}))

    return Cases(
        bad=[("a model that knows the rows by heart", case(brittle))],
        good=[("a model that does not depend on the features", case(steady))],
    )
