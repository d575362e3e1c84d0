"""Measuring what a model does on its holdout, beside the naive model and the champion on the same rows."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.evaluation import Evaluation
from mlops_assets.modeling.threads import one_thread

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.modeling.bootstrap import Draws
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.holdout import Holdout
    from mlops_assets.modeling.metrics import Metric
    from mlops_assets.spec.model import Model

    Array = np.ndarray[Any, np.dtype[Any]]

CURVE_POINTS = 200
RESIDUAL_BINS = 20
CLAIM_BINS = 20


def evaluate(
    model: Model,
    bundle: Bundle,
    training_set: TrainingSet,
    *,
    champion: Bundle | None = None,
    folder: Path | None = None,
    seed: int | None = None,
) -> Evaluation:
    """Measure a bundle on the holdout of its training set, beside the naive model and the champion on the same rows.

    Args:
        model: the declaration; its gates say which columns are sliced by.
        bundle: the candidate.
        training_set: its training set, of which the holdout is judged.
        champion: the model that serves, if any.
        folder: where to write the figures; None writes none.
        seed: seed of the bootstrap; default: the model's.

    Raises:
        ModelingError: when a column to slice by is not in the training set, or there are no training rows.
    """
    from mlops_assets.modeling.holdout import build_holdout

    holdout = build_holdout(model.task, bundle, training_set, champion)
    result = evaluate_holdout(
        model, holdout, bundle, champion, training_set.manifest.digest, seed=model.training.seed if seed is None else seed
    )
    if folder is not None:
        from mlops_assets.modeling.figures import draw_figures

        draw_figures(result, folder)
    return result


@one_thread()
def evaluate_holdout(
    model: Model, holdout: Holdout, bundle: Bundle, champion: Bundle | None, training_set: str, *, seed: int
) -> Evaluation:
    """The same for rows that are scored already; ``training_set`` is the digest of their manifest."""
    from mlops_assets.modeling.metrics import metrics_of

    metrics = metrics_of(model.task)
    deciding = {model.main_metric, model.monitor.performance.metric, *(gate.metric for gate in model.gates if not gate.slice)}
    measured = _measure(metrics, holdout, seed, {name for name in deciding if name})
    sliced = sorted({column for gate in model.gates for column in (gate.slice, gate.attribute) if column})
    compared: dict[str, Any] | None = None
    if champion is not None:
        compared = {"digest": champion.digest}
        compared |= {"error": holdout.champion_error} if holdout.champion_error else measured["champion"]
    return Evaluation(
        model=model.name,
        task=model.task,
        main_metric=model.main_metric,
        rows={"training": holdout.train.n, "holdout": holdout.n},
        blocks={"unit": holdout.blocks.unit, "count": holdout.blocks.count, "n_effective": round(holdout.n_effective, 1)},
        metrics=measured["candidate"]["metrics"],
        naive={"method": holdout.naive_method, **measured["naive"]},
        champion=compared,
        slices={
            column: _slices(metrics, holdout, column, seed, {gate.metric for gate in model.gates if gate.metric and gate.slice == column})
            for column in sliced
        },
        outcomes={"train": _outcomes(holdout, holdout.train.y), "holdout": _outcomes(holdout, holdout.y)},
        calibration=_calibration(holdout),
        curves=_curves(holdout),
        confusion=_confusion(holdout),
        residuals=_residuals(holdout),
        importance=_importance(bundle),
        digests={"bundle": bundle.digest, "training_set": training_set},
        seed=seed,
    )


def _draws(metrics: list[Metric], holdout: Holdout, prediction: Array, seed: int, deciding: Collection[str]) -> dict[str, Draws]:
    """Every metric of a prediction, with fewer resamples of those that nothing is decided by."""
    from mlops_assets.modeling.bootstrap import SHOWN_RESAMPLES

    found: dict[str, Draws] = {}
    if holdout.n:
        for names, resamples in (
            ([m.name for m in metrics if m.name in deciding], None),
            ([m.name for m in metrics if m.name not in deciding], SHOWN_RESAMPLES),
        ):
            found |= zip(names, holdout.measure([(name, prediction) for name in names], seed, resamples), strict=True)
    return {m.name: found[m.name] for m in metrics if m.name in found}


def _measure(metrics: list[Metric], holdout: Holdout, seed: int, deciding: Collection[str]) -> dict[str, dict[str, Any]]:
    from mlops_assets.modeling.bootstrap import Draws, interval

    models = {"candidate": holdout.prediction, "naive": holdout.naive, "champion": holdout.champion}
    known = {who: prediction for who, prediction in models.items() if prediction is not None}
    draws = {who: _draws(metrics, holdout, prediction, seed, deciding) for who, prediction in known.items()}

    def number(found: Draws) -> dict[str, Any]:
        return interval(found, holdout.blocks, holdout.n_effective).to_json()

    result: dict[str, dict[str, Any]] = {}
    for who in known:
        body: dict[str, Any] = {"metrics": {name: number(found) for name, found in draws[who].items()}}
        if who != "candidate":
            body["improvement"] = {}
            for metric in metrics if holdout.n else []:
                mine, other = draws["candidate"][metric.name], draws[who][metric.name]
                value = float(metric.improvement(_array(mine.value), _array(other.value)))
                body["improvement"][metric.name] = number(Draws(value, metric.improvement(mine.resampled, other.resampled)))
        result[who] = body
    return result


def _slices(metrics: list[Metric], holdout: Holdout, column: str, seed: int, deciding: Collection[str]) -> dict[str, Any]:
    from mlops_assets.modeling.bootstrap import interval
    from mlops_assets.modeling.slices import slices_of

    result: dict[str, Any] = {}
    for value, inside in slices_of(holdout.rows.table, column):
        part = holdout.take(inside)
        draws = _draws(metrics, part, part.prediction, seed, deciding)
        result[value] = {
            "n": part.n,
            "n_effective": round(part.n_effective, 1),
            "outcomes": _outcomes(holdout, part.y),
            "metrics": {name: interval(found, part.blocks, part.n_effective).to_json() for name, found in draws.items()},
        }
    return result


def _outcomes(holdout: Holdout, y: Array) -> dict[str, Any]:
    import numpy as np

    if not len(y):
        return {"n": 0}
    if holdout.task == "binary_classification":
        return {"n": len(y), "base_rate": float(y.mean())}
    if holdout.task == "multiclass_classification":
        shares = np.bincount(y[y >= 0], minlength=len(holdout.classes)) / len(y)
        return {"n": len(y), "shares": {str(label): float(share) for label, share in zip(holdout.classes, shares, strict=True)}}
    return {"n": len(y), "mean": float(y.mean()), "sd": float(y.std())}


def _calibration(holdout: Holdout) -> dict[str, Any] | None:
    import numpy as np

    from mlops_assets.modeling.calibration import bins_of, calibration_error, claims_of, spiegelhalter, table_of

    if not holdout.classes or not holdout.n:
        return None
    claims = claims_of(holdout)
    bins = bins_of(claims, holdout.n_effective)
    test = spiegelhalter(claims)
    return {
        "of": "class named" if holdout.task == "multiclass_classification" else "positive class",
        "error": calibration_error(claims, bins, holdout.blocks, holdout.n_effective).to_json(),
        "bins": table_of(claims, bins, holdout.n_effective / holdout.n),
        "histogram": np.histogram(np.clip(claims.probability, 0, 1), bins=CLAIM_BINS, range=(0, 1))[0].tolist(),
        "spiegelhalter": None if test is None else {"z": test[0], "p": test[1]},
    }


def _curves(holdout: Holdout) -> dict[str, Any] | None:
    import numpy as np

    if holdout.task != "binary_classification" or len(np.unique(holdout.y)) < 2:
        return None
    from sklearn.metrics import precision_recall_curve, roc_curve

    false, true, _ = roc_curve(holdout.y, holdout.prediction)
    precision, recall, _ = precision_recall_curve(holdout.y, holdout.prediction)
    return {"roc": _thin(false, true), "pr": _thin(recall[::-1], precision[::-1])}


def _thin(x: Array, y: Array) -> list[list[float]]:
    import numpy as np

    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), CURVE_POINTS)).round().astype(int))
    return [[round(float(a), 6), round(float(b), 6)] for a, b in zip(x[kept], y[kept], strict=True)]


def _confusion(holdout: Holdout) -> dict[str, Any] | None:
    import numpy as np

    if not holdout.classes or not holdout.n:
        return None
    binary = holdout.task == "binary_classification"
    called = (holdout.prediction >= 0.5).astype(int) if binary else holdout.prediction.argmax(axis=1)
    k, y = len(holdout.classes), holdout.y.astype(int)
    known = y >= 0
    matrix = np.bincount(y[known] * k + called[known], minlength=k * k).reshape(k, k)
    return {"labels": [str(c) for c in holdout.classes], "matrix": matrix.tolist(), "threshold": 0.5 if binary else None}


def _residuals(holdout: Holdout) -> dict[str, Any] | None:
    import numpy as np

    if holdout.classes or not holdout.n:
        return None
    residual = holdout.prediction - holdout.y
    shares = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
    low, high = np.quantile(residual, [0.005, 0.995])
    counts, edges = np.histogram(np.clip(residual, low, high), bins=RESIDUAL_BINS, range=(low, high if high > low else low + 1))
    cuts = np.unique(np.quantile(holdout.prediction, np.linspace(0, 1, RESIDUAL_BINS + 1)))
    place = np.clip(np.searchsorted(cuts, holdout.prediction, side="right") - 1, 0, max(len(cuts) - 2, 0))
    groups = [place == index for index in range(int(place.max()) + 1)]
    return {
        "quantiles": {f"{share:g}": float(q) for share, q in zip(shares, np.quantile(residual, shares), strict=True)},
        "histogram": {"counts": counts.tolist(), "edges": [float(e) for e in edges]},
        "by_prediction": [
            {
                "predicted": float(holdout.prediction[g].mean()),
                "outcome": float(holdout.y[g].mean()),
                "sd": float(residual[g].std()),
                "n": int(g.sum()),
            }
            for g in groups
            if g.any()
        ],
    }


def _importance(bundle: Bundle) -> list[list[Any]]:
    found = [(name, float(value)) for name, value in bundle.importance()]
    total = sum(abs(value) for _, value in found)
    if not total or not math.isfinite(total):
        return []
    return [[name, abs(value) / total] for name, value in found]


def _array(value: float) -> Array:
    import numpy as np

    return np.asarray(value)
