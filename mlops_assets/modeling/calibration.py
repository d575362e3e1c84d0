"""How far predicted probabilities lie from observed rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.metrics.statistic import Statistic

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.modeling.holdout import Holdout

    Array = np.ndarray[Any, np.dtype[Any]]

MAX_BINS = 10
ROWS_PER_BIN = 30


@dataclass(frozen=True)
class Claims:
    """What a classifier claims and whether it came true: P(positive) and the outcome; for multiclass tasks the probability of
    the class that it names and whether that is right (C. Guo et al., ICML 2017)."""

    probability: Array
    happened: Array


def claims_of(holdout: Holdout) -> Claims:
    """The claims of the candidate on the holdout."""
    if holdout.task == "multiclass_classification":
        return Claims(holdout.prediction.max(axis=1), (holdout.prediction.argmax(axis=1) == holdout.y).astype(float))
    return Claims(holdout.prediction, holdout.y)


def bins_of(claims: Claims, n_effective: float) -> Array:
    """Bin ``(n,)`` of each claim by its rank: up to :data:`MAX_BINS` of about equally many rows, about :data:`ROWS_PER_BIN` or more
    in each. Equal claims share a bin, that of their middle rank."""
    import numpy as np

    wanted = int(min(MAX_BINS, max(2, n_effective // ROWS_PER_BIN)))
    _, claim, count = np.unique(claims.probability, return_inverse=True, return_counts=True)
    middle = (np.cumsum(count) - count / 2) / max(len(claim), 1)
    bins: Array = np.minimum((middle * wanted).astype(int), wanted - 1)[claim]
    return bins


def calibration_error(claims: Claims, bins: Array) -> Statistic:
    """Expected calibration error: mean over rows of |observed rate - mean claim| of the row's bin (Naeini et al., AAAI 2015)."""
    import numpy as np

    member = (bins[:, None] == np.arange(bins.max() + 1)).astype(float)
    gap = member * (claims.happened - claims.probability)[:, None]
    sums = np.concatenate([np.ones((len(bins), 1)), gap], axis=1)
    return Statistic(sums, lambda s: np.abs(s[:, 1:]).sum(axis=1) / s[:, 0])


def spiegelhalter(claims: Claims) -> tuple[float, float] | None:
    """Z and two-sided p that the claims are calibrated, for independent rows: D. Spiegelhalter, Statistics in Medicine 5 (1986).

    None where every claim is 0, 0.5 or 1, which leaves the statistic without a variance.
    """
    import numpy as np

    p, o = claims.probability, claims.happened
    variance = float((np.square(1 - 2 * p) * p * (1 - p)).sum())
    if variance <= 0:
        return None
    z = float(((o - p) * (1 - 2 * p)).sum()) / math.sqrt(variance)
    return z, math.erfc(abs(z) / math.sqrt(2))


def table_of(claims: Claims, bins: Array, share_effective: float) -> list[dict[str, float | int]]:
    """Each bin as plain data: mean claim, observed rate with its Wilson interval at 95 %, and n.

    ``share_effective`` is effective rows by rows: dependent rows widen the interval.
    """
    rows: list[dict[str, float | int]] = []
    for index in range(int(bins.max()) + 1 if len(bins) else 0):
        inside = bins == index
        n = int(inside.sum())
        if n:
            rate = float(claims.happened[inside].mean())
            low, high = wilson(rate, n * share_effective)
            rows.append({"claimed": float(claims.probability[inside].mean()), "observed": rate, "low": low, "high": high, "n": n})
    return rows


def wilson(rate: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval of a share: E. Wilson, JASA 22 (1927)."""
    from statistics import NormalDist

    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(max(0.0, rate * (1 - rate) / n + z * z / (4 * n * n)))
    return max(0.0, centre - half), min(1.0, centre + half)
