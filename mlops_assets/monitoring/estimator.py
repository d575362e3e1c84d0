"""What estimates performance without labels, learned once on the holdout; plain JSON data, kept with the reference.

Classification: the score, calibrated by isotonic regression (B. Zadrozny and C. Elkan, KDD 2002). Regression: a model of the error itself,
learned from features and prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.modeling.bundle import Bundle

    Array = np.ndarray[Any, np.dtype[Any]]

LEAST_REFERENCE = 100
"""With fewer holdout rows nothing is learned, and performance is not estimated."""


def fit_estimator(bundle: Bundle, holdout: pd.DataFrame, prediction: Array, outcomes: Array, *, seed: int = 7) -> dict[str, Any] | None:
    """Learn on the holdout what estimates performance; plain JSON data, or None with fewer than :data:`LEAST_REFERENCE` rows.

    Args:
        bundle: the model.
        holdout: its features.
        prediction: its predictions there.
        outcomes: what happened, coded as in :mod:`mlops_assets.modeling.metrics`.
    """
    import numpy as np

    n = len(outcomes)
    if n < LEAST_REFERENCE:
        return None
    if bundle.task == "regression":
        matrix = _error_matrix(bundle, holdout, prediction)
        error = prediction - outcomes
        return {
            "method": "error_model",
            "n": n,
            "absolute": _fit_error(matrix, np.abs(error), seed),
            "squared": _fit_error(matrix, np.square(error), seed),
        }
    columns = prediction[:, None] if prediction.ndim == 1 else prediction
    happened = [outcomes == 1] if prediction.ndim == 1 else [outcomes == place for place in range(columns.shape[1])]
    return {"method": "cbpe", "n": n, "curves": [_isotonic(columns[:, i], h.astype(float)) for i, h in enumerate(happened)]}


def calibrate(estimator: Mapping[str, Any], score: Array) -> Array:
    """Calibrated probabilities of a score ``(n,)``, or of each class ``(n, k)``, which then sum to one."""
    import numpy as np

    columns = score[:, None] if score.ndim == 1 else score
    parts = [np.interp(columns[:, i], curve["x"], curve["y"]) for i, curve in enumerate(estimator["curves"])]
    if score.ndim == 1:
        single: Array = parts[0]
        return single
    together = np.column_stack(parts)
    total = together.sum(axis=1, keepdims=True)
    result: Array = np.where(total > 0, together / np.where(total > 0, total, 1), 1 / together.shape[1])
    return result


def expected_losses(model: Mapping[str, Any], bundle: Bundle, frame: pd.DataFrame, prediction: Array) -> Array:
    """Expected loss of each row ``(n,)`` by a model of the error that :func:`fit_estimator` learned."""
    import lightgbm as lgb
    import numpy as np

    matrix = _error_matrix(bundle, frame, prediction)
    return np.clip(lgb.Booster(model_str=model["model"]).predict(matrix, num_threads=1), 0, model["top"])


def _isotonic(score: Array, happened: Array) -> dict[str, list[float]]:
    """The isotonic curve as corner points; shares of 0 and 1 are moved by half a row of their block, since no rate is certain."""
    import numpy as np
    from sklearn.isotonic import IsotonicRegression

    order = np.argsort(score, kind="stable")
    fitted = IsotonicRegression(y_min=0, y_max=1).fit_transform(score[order], happened[order])
    x, starts, size = np.unique(score[order], return_index=True, return_counts=True)
    y = fitted[starts]
    _, block = np.unique(y, return_inverse=True)
    rows = np.bincount(block, weights=size)[block]
    y = np.clip(y, 0.5 / (rows + 1), 1 - 0.5 / (rows + 1))
    kept = np.r_[True, (np.diff(y)[:-1] != 0) | (np.diff(y)[1:] != 0), True] if len(y) > 2 else np.ones(len(y), bool)
    return {"x": x[kept].tolist(), "y": np.maximum.accumulate(y[kept]).tolist()}


def _error_matrix(bundle: Bundle, frame: pd.DataFrame, prediction: Array) -> Array:
    import numpy as np

    return np.column_stack([bundle.encoder.transform(frame), prediction])


def _fit_error(matrix: Array, loss: Array, seed: int) -> dict[str, Any]:
    import lightgbm as lgb

    params = {
        "objective": "regression",
        "num_leaves": 7,
        "learning_rate": 0.05,
        "min_data_in_leaf": max(20, len(loss) // 50),
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    booster = lgb.train(params, lgb.Dataset(matrix, loss), num_boost_round=60)
    return {"model": booster.model_to_string(), "mean": float(loss.mean()), "sd": float(loss.std()), "top": float(loss.max())}
