"""How far predicted probabilities lie from observed rates.

The calibration error is the root mean square over rows of the distance between the mean claim and the observed rate of the row's bin.
Noise pushes such a distance upward, the more the fewer rows a bin has, so what noise alone gives is taken off: the debiased estimate of
A. Kumar, P. Liang and T. Ma, "Verified Uncertainty Calibration", NeurIPS 2019, section 4, with the covariance of the bins from whole
blocks of rows instead of independent ones. It is never less than the expected calibration error of the same bins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.bootstrap import CONFIDENCE, Blocks, Interval

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.modeling.holdout import Holdout

    Array = np.ndarray[Any, np.dtype[Any]]

MIN_BINS, MAX_BINS = 4, 10
ROWS_PER_BIN = 250
"""Few bins see level, slope and bend of the claims with all the power that the rows have; more only where there are rows for them."""


@dataclass(frozen=True)
class Claims:
    """What a classifier claims and whether it came true: P(positive) and the outcome; for multiclass tasks the probability of
    the class that it names and whether that is right (C. Guo et al., ICML 2017)."""

    probability: Array
    happened: Array


def claims_of(holdout: Holdout, prediction: Array | None = None) -> Claims:
    """The claims of the candidate on the holdout, or of another model by its predictions."""
    prediction = holdout.prediction if prediction is None else prediction
    if holdout.task == "multiclass_classification":
        return Claims(prediction.max(axis=1), (prediction.argmax(axis=1) == holdout.y).astype(float))
    return Claims(prediction, holdout.y)


def bins_of(claims: Claims, n_effective: float) -> Array:
    """Bin ``(n,)`` of each claim by its rank: :data:`MIN_BINS` to :data:`MAX_BINS` of about equally many rows, about
    :data:`ROWS_PER_BIN` effective ones in each. Equal claims share a bin, that of their middle rank."""
    import numpy as np

    wanted = int(min(MAX_BINS, max(MIN_BINS, n_effective // ROWS_PER_BIN)))
    _, claim, count = np.unique(claims.probability, return_inverse=True, return_counts=True)
    middle = (np.cumsum(count) - count / 2) / max(len(claim), 1)
    bins: Array = np.minimum((middle * wanted).astype(int), wanted - 1)[claim]
    return bins


def calibration_error(claims: Claims, bins: Array, blocks: Blocks, n_effective: float, confidence: float = CONFIDENCE) -> Interval:
    """The calibration error, free of the noise of few rows, with its interval; without bounds for fewer than two blocks.

    With gaps ``g`` of the bins scaled so that ``g·g`` is the mean squared distance, and their covariance ``V``, the estimate is
    ``g·g - tr V`` and its variance ``2 tr V² + 4 g·Vg`` (a quadratic form of normal gaps: S. Searle, Linear Models, 1971, section 2.5).
    """
    import numpy as np
    from scipy import stats

    n, count = len(bins), blocks.count
    if not n:
        return Interval(math.nan, None, None, 0, n_effective, confidence)
    share = np.bincount(bins) / n
    error = (claims.happened - claims.probability) / n / np.sqrt(share[bins])
    gaps = np.bincount(bins, weights=error, minlength=len(share))
    if count < 2:
        return Interval(float(np.sqrt(np.square(gaps).sum())), None, None, n, n_effective, confidence)
    sums = np.zeros((count, len(share)))
    np.add.at(sums, (blocks.code, bins), error)
    sums -= sums.mean(axis=0)
    covariance = np.einsum("ij,ik->jk", sums, sums) * (count / (count - 1))
    noise, spread = float(np.trace(covariance)), float(np.square(covariance).sum())
    squared = float(np.square(gaps).sum()) - noise
    signal = max(0.0, float(np.einsum("i,ij,j->", gaps, covariance, gaps)) - spread)
    half = float(stats.t.ppf((1 + confidence) / 2, count - 1)) * math.sqrt(2 * spread + 4 * signal)
    value, low, high = (math.sqrt(max(0.0, found)) for found in (squared, squared - half, squared + half))
    return Interval(value, low, high, n, n_effective, confidence)


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
