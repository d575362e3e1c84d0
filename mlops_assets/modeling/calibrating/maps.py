"""Maps from an estimator's scores to probabilities, as ``bundle.json`` holds them and as every row meets them.

*sigmoid*: softmax of ``intercept + slope * log(p + epsilon)`` over the classes, which for two classes is the logistic curve of J. Platt,
"Probabilistic Outputs for Support Vector Machines" (1999), on log odds. *isotonic*: one rising curve a class, linear between its knots
(B. Zadrozny and C. Elkan, KDD 2002), brought to the sum 1.

A row of a batch and a row alone go through the same scalar arithmetic, so that their numbers are the same bit by bit.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

FURTHEST = 700.0
"""Log odds at which the logistic curve is cut, short of where ``math.exp`` overflows."""


@dataclass(frozen=True)
class Calibration:
    """A map. ``epsilon`` keeps scores of exactly 0 and 1 finite: half of one in ``rows``, the number of rows that it was fitted on."""

    rows: int
    epsilon: float

    method = "none"

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities of a batch: P(positive) of shape (rows,), or (rows, classes), as the scores are."""
        import numpy as np

        if scores.ndim == 1:
            return np.array([self.number(score) for score in scores.tolist()], dtype="float64")
        return np.array([self.row(row) for row in scores.tolist()], dtype="float64").reshape(scores.shape)

    def one(self, scores: Sequence[float]) -> list[float]:
        """Probabilities of one row: its single number, or one a class."""
        return [self.number(scores[0])] if len(scores) == 1 else self.row(scores)

    def number(self, score: float) -> float:
        """P(positive) of one row of a binary task."""
        raise NotImplementedError

    def row(self, scores: Sequence[float]) -> list[float]:
        """Probabilities of the classes of one row."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """As plain data, for :func:`read_calibration`."""
        return {"method": self.method, **asdict(self)}

    def __str__(self) -> str:
        return f"{self.method}, fitted on {self.rows} rows"


@dataclass(frozen=True)
class Sigmoid(Calibration):
    """``slope`` is above 0, so that no order changes; ``intercepts``: one a class, or the one of the positive class."""

    slope: float
    intercepts: tuple[float, ...]

    method = "sigmoid"

    def number(self, score: float) -> float:
        """The logistic curve on the log odds of a score."""
        odds = self.intercepts[0] + self.slope * math.log((score + self.epsilon) / (1.0 - score + self.epsilon))
        return 1.0 / (1.0 + math.exp(-max(-FURTHEST, min(FURTHEST, odds))))

    def row(self, scores: Sequence[float]) -> list[float]:
        """Softmax over the classes."""
        logits = [shift + self.slope * math.log(score + self.epsilon) for shift, score in zip(self.intercepts, scores, strict=True)]
        top = max(logits)
        weights = [math.exp(logit - top) for logit in logits]
        total = sum(weights)
        return [weight / total for weight in weights]


@dataclass(frozen=True)
class Isotonic(Calibration):
    """``knots``: ``(scores, probabilities)`` of one curve a class, or of the positive class alone; cut to [epsilon, 1 - epsilon]."""

    knots: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]

    method = "isotonic"

    def number(self, score: float) -> float:
        """The curve at a score."""
        return self._at(0, score)

    def row(self, scores: Sequence[float]) -> list[float]:
        """Each class by its own curve, brought to the sum 1."""
        found = [self._at(place, score) for place, score in enumerate(scores)]
        total = sum(found)
        return [value / total for value in found]

    def _at(self, place: int, score: float) -> float:
        scores, values = self.knots[place]
        above = bisect_right(scores, score)
        if above == 0:
            value = values[0]
        elif above == len(scores):
            value = values[-1]
        else:
            left, low = scores[above - 1], values[above - 1]
            share = (score - left) / (scores[above] - left)
            value = min(values[above], low + share * (values[above] - low))
        return max(self.epsilon, min(1.0 - self.epsilon, value))


def read_calibration(body: Mapping[str, Any] | None) -> Calibration | None:
    """Inverse of :meth:`Calibration.to_json`; None for none."""
    if body is None:
        return None
    kept = {key: value for key, value in body.items() if key != "method"}
    if body["method"] == "sigmoid":
        return Sigmoid(**{**kept, "intercepts": tuple(kept["intercepts"])})
    return Isotonic(**{**kept, "knots": tuple((tuple(scores), tuple(values)) for scores, values in kept["knots"])})
