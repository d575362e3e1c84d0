"""Maps fitted on scores of rows that their model did not see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.calibrating.maps import Isotonic, Sigmoid

if TYPE_CHECKING:
    import numpy as np

LEAST_SLOPE = 0.01
"""Where scores tell nothing, probabilities are nearly the base rate, and their order stays."""
STEPS = 100
RIDGE, SHORTEST, CLOSE = 1e-9, 1e-6, 1e-12
"""Of Newton's method: what keeps its equations solvable, the shortest part of a step, and the step that ends it."""
DIGITS = 10
"""Significant digits that are kept, so that the last bits of a sum decide no byte of a bundle."""


def epsilon_of(rows: int) -> float:
    """Half of one in so many rows."""
    return 0.5 / rows


def fit_sigmoid(scores: np.ndarray, y: np.ndarray, weight: np.ndarray, classes: int) -> Sigmoid:
    """Slope and intercepts of the greatest likelihood, with Platt's smoothed targets (Platt 1999, section 2.2).

    Args:
        scores: P(positive) of shape (rows,), or (rows, classes).
        y: class codes.
        weight: how much each row counts; they sum to the number of rows that these tell as much as.
        classes: number of classes; each has a row.
    """
    import numpy as np

    epsilon = epsilon_of(len(y))
    logs = np.log(_by_class(scores) + epsilon)
    targets = _smoothed(y.astype("int64"), weight, classes)
    # The intercept of class 0 is 0: only differences of intercepts count.
    theta = np.zeros(classes)
    theta[0] = 1.0
    theta = _newton(theta, logs, targets, weight, slope=True)
    if theta[0] < LEAST_SLOPE:
        theta = np.zeros(classes)
        theta[0] = LEAST_SLOPE
        theta = _newton(theta, logs, targets, weight, slope=False)
    slope, *rest = (float(f"{value:.{DIGITS}g}") for value in theta)
    return Sigmoid(len(y), epsilon, slope, tuple(rest) if classes == 2 else (0.0, *rest))


def fit_isotonic(scores: np.ndarray, y: np.ndarray, weight: np.ndarray, classes: int) -> Isotonic:
    """One rising step curve a class by pooling adjacent violators, or one of the positive class."""
    import numpy as np
    from sklearn.isotonic import IsotonicRegression

    def curve(score: np.ndarray, happened: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
        found: Any = IsotonicRegression(y_min=0.0, y_max=1.0).fit(score, happened, weight)
        return tuple(map(float, found.X_thresholds_)), tuple(map(float, found.y_thresholds_))

    columns = [(scores, 1)] if classes == 2 else [(scores[:, code], code) for code in range(classes)]
    return Isotonic(len(y), epsilon_of(len(y)), tuple(curve(score, np.asarray(y == code, dtype="float64")) for score, code in columns))


def log_loss(scores: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """Weighted sum over rows of minus the logarithm of what was claimed of that which happened; claims are cut at :func:`epsilon_of`."""
    import numpy as np

    claimed = _by_class(scores)[np.arange(len(y)), y.astype("int64")]
    return float(-(weight * np.log(np.maximum(claimed, epsilon_of(len(y))))).sum())


def _by_class(scores: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.column_stack([1.0 - scores, scores]) if scores.ndim == 1 else scores


def _smoothed(codes: np.ndarray, weight: np.ndarray, classes: int) -> np.ndarray:
    """(count + 1) / (count + 2) for the class that happened, and the rest in equal parts for the others."""
    import numpy as np

    counts = np.bincount(codes, weight, minlength=classes)
    sure = (counts + 1.0) / (counts + 2.0)
    targets = np.repeat(((1.0 - sure[codes]) / (classes - 1))[:, None], classes, axis=1)
    targets[np.arange(len(codes)), codes] = sure[codes]
    return targets


def _newton(theta: np.ndarray, logs: np.ndarray, targets: np.ndarray, weight: np.ndarray, *, slope: bool) -> np.ndarray:
    """The least cross entropy of softmax(intercepts + slope * logs) by Newton's method, halving steps that make it larger.

    ``theta`` is the slope and the intercepts of all classes but the first; without ``slope`` it stays as it is.
    """
    import numpy as np

    def loss_of(theta: np.ndarray) -> tuple[float, np.ndarray]:
        logits = theta[0] * logs
        logits[:, 1:] += theta[1:]
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        total = odds.sum(axis=1)
        return float((weight * (np.log(total) - (targets * logits).sum(axis=1))).sum()), odds / total[:, None]

    loss, claimed = loss_of(theta)
    for _ in range(STEPS):
        error = weight[:, None] * (claimed - targets)
        gradient = np.concatenate([[(error * logs).sum()], error[:, 1:].sum(axis=0)])
        hessian = _hessian(claimed, logs, weight)
        if not slope:
            gradient[0], hessian[0, 1:], hessian[1:, 0] = 0.0, 0.0, 0.0
        step = np.linalg.solve(hessian + RIDGE * np.eye(len(theta)), gradient)
        shorter, moved = 1.0, loss_of(theta - step)
        while moved[0] > loss and shorter > SHORTEST:
            shorter /= 2
            moved = loss_of(theta - shorter * step)
        if moved[0] > loss:
            break
        theta, (loss, claimed) = theta - shorter * step, moved
        if float(np.abs(step).max()) < CLOSE:
            break
    return theta


def _hessian(claimed: np.ndarray, logs: np.ndarray, weight: np.ndarray) -> np.ndarray:
    import numpy as np

    classes = claimed.shape[1]
    heavy = weight[:, None] * claimed
    spread = heavy * (logs - (claimed * logs).sum(axis=1, keepdims=True))
    hessian = np.empty((classes, classes))
    hessian[0, 0] = (spread * logs).sum()
    hessian[0, 1:] = hessian[1:, 0] = spread[:, 1:].sum(axis=0)
    hessian[1:, 1:] = np.diag(heavy[:, 1:].sum(axis=0)) - heavy[:, 1:].T @ claimed[:, 1:]
    return hessian
