"""What single rows lose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

LOG_FLOOR = 1e-15
"""A probability of exactly 0 for what happened counts as this, so that one row cannot make a loss infinite."""


def pointwise_loss(y: Array, prediction: Array, task: str) -> Array:
    """Loss of each row ``(n,)``: squared error, or for multiclass tasks one minus the probability of what happened."""
    import numpy as np

    if task == "multiclass_classification":
        return 1 - probability_of_outcome(y, prediction)
    result: Array = np.square(np.asarray(prediction, float) - y)
    return result


def surprise(y: Array, prediction: Array, task: str) -> Array:
    """What each row ``(n,)`` lost beyond what its prediction let expect, with its sign: 0 in the mean of any rows, if that is right."""
    import numpy as np

    if task == "multiclass_classification":
        expected: Array = (prediction * (1 - prediction)).sum(axis=1)
        return pointwise_loss(y, prediction, task) - expected
    result: Array = y - np.asarray(prediction, float)
    return result


def probability_of_outcome(y: Array, prediction: Array) -> Array:
    """P of the class that happened ``(n,)``; 0 for a class that the model does not know."""
    import numpy as np

    rows = np.arange(len(y))
    return np.where(y >= 0, prediction[rows, np.maximum(y, 0).astype(int)], 0.0)
