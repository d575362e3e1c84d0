"""How much each training row counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.modeling.signature import ModelingError
from mlops_assets.spec.durations import Duration
from mlops_assets.spec.training import HalfLife

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

AS_OF = "__as_of"
WEIGHT = "__weight"
_DAYS_PER_MONTH = 365.2425 / 12


def weights_of(rule: HalfLife | str, y: np.ndarray, classes: int, frame: pd.DataFrame) -> np.ndarray | None:
    """Weights of training rows, scaled to mean 1; None where all count the same.

    *balanced*: rows / (classes x rows of the class), so that each class weighs the same. *half_life*: 0.5 ** (age / half life), age
    counted back from the newest training row's ``__as_of`` (a month is 30.44 days). A column: its values, as ``__weight``.

    Args:
        rule: the spec's ``training.weights``.
        y: class codes, or numbers.
        classes: number of classes; 0 for regression.
        frame: the training rows with their reserved columns.

    Raises:
        ModelingError: for balanced regression, undated rows with a half life, and weights that are missing, negative, infinite or all 0.
    """
    import numpy as np

    if isinstance(rule, HalfLife):
        return _scaled(_by_age(rule.half_life, frame))
    if rule == "none":
        return None
    if rule == "balanced":
        if classes == 0:
            raise ModelingError(
                "balanced weights need classes, and this is a regression.",
                where="training.weights",
                valid=("none", "a column", "half_life"),
            )
        counts = np.bincount(y.astype("int64"), minlength=classes)
        return _scaled(len(y) / (classes * np.maximum(counts, 1))[y.astype("int64")])
    if WEIGHT not in frame.columns:
        raise ModelingError(
            f"the training set carries no weights, but the spec asks for {rule!r}.",
            where="training.weights",
            do="Name a column of the examples.",
        )
    return _scaled(frame[WEIGHT].to_numpy(dtype="float64", na_value=np.nan))


def _by_age(half_life: Duration, frame: pd.DataFrame) -> np.ndarray:
    import numpy as np

    if AS_OF not in frame.columns or frame[AS_OF].isna().any():
        raise ModelingError(
            "a half life needs dated rows, and these are undated.", where="training.weights", valid=("none", "balanced", "a column")
        )
    days = half_life.count * _DAYS_PER_MONTH if half_life.unit == "month" else half_life.seconds / 86400
    age = (frame[AS_OF].max() - frame[AS_OF]).dt.total_seconds().to_numpy() / 86400
    return np.power(0.5, age / days)


def _scaled(weights: np.ndarray) -> np.ndarray:
    import numpy as np

    bad = ~np.isfinite(weights) | (weights < 0)
    if bad.any():
        raise ModelingError(
            f"{int(bad.sum())} of {len(weights)} training rows have a weight that is missing, negative or infinite.",
            where="training.weights",
        )
    total = float(weights.sum())
    if total == 0:
        raise ModelingError("all weights are 0.", where="training.weights")
    scaled: np.ndarray = weights * (len(weights) / total)
    return scaled
