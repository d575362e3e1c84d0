"""How much each training row counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.modeling.signature import ModelingError
from mlops_assets.spec.training import HalfLife

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

WEIGHT = "__weight"
WHERE = "training.weights"


def weights_of(rule: HalfLife | str, y: np.ndarray, classes: int, frame: pd.DataFrame) -> np.ndarray | None:
    """Weights of training rows, scaled to mean 1; None where all count the same.

    *balanced*: rows / (classes x rows of the class), so that each class weighs the same in these rows. A column or a half life: what
    the training set holds in ``__weight``.

    Args:
        rule: the spec's ``training.weights``.
        y: class codes, or numbers.
        classes: number of classes; 0 for regression.
        frame: the training rows with their reserved columns.

    Raises:
        ModelingError: for balanced regression, and weights that are missing, negative, infinite or all 0.
    """
    import numpy as np

    if rule == "none":
        return None
    if rule == "balanced":
        if classes == 0:
            raise ModelingError(
                "balanced weights need classes, and this is a regression.", where=WHERE, valid=("none", "the name of a column", "half_life")
            )
        codes = y.astype("int64")
        return _scaled(len(y) / (classes * np.maximum(np.bincount(codes, minlength=classes), 1))[codes])
    if WEIGHT not in frame.columns:
        raise ModelingError("the training set carries no weights.", where=WHERE, do="Build the training set again.")
    return _scaled(frame[WEIGHT].to_numpy(dtype="float64", na_value=np.nan))


def weight_column(rule: HalfLife | str) -> str | None:
    """The column of the training set that says how much its rows count; None where none does."""
    return None if rule in ("none", "balanced") else WEIGHT


def _scaled(weights: np.ndarray) -> np.ndarray:
    import numpy as np

    bad = ~np.isfinite(weights) | (weights < 0)
    if bad.any():
        raise ModelingError(
            f"{int(bad.sum())} of {len(weights)} training rows have a weight that is missing, negative or infinite.",
            where=WHERE,
        )
    total = float(weights.sum())
    if total == 0:
        raise ModelingError("all weights are 0.", where=WHERE)
    result: np.ndarray = weights * (len(weights) / total)
    return result
