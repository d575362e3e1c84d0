"""Distances between two distributions, and how probable such a distance is when nothing changed.

KS, Wasserstein (in standard deviations of the reference), PSI and Jensen-Shannon distance give on the same rows the same numbers as
Evidently 0.7 and SciPy. Probabilities are for the sizes of both samples, so that a small window does not alarm by being small.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from mlops_assets.monitoring.sketch import Categories, ColumnSketch, Numbers

    Array = np.ndarray[Any, np.dtype[Any]]

FEW_VALUES = 20
"""Numbers with at most this many distinct values are binned by value (as Evidently does)."""
LEAST_SHARE = 0.0001
"""An empty bin counts as this share in the PSI."""
LEAST_SD = 0.001
"""A smaller standard deviation counts as this one."""
EVERY_VALUE = 20_000
MANY = 20_000
RESAMPLES = 9_999
EXPECTED = 5.0
"""With fewer expected rows in a cell the chi-square distribution is not trusted, and the null is drawn instead."""
CELLS = 50


def ks(reference: Numbers, current: Numbers) -> float:
    """Kolmogorov-Smirnov distance: the largest difference between the shares of rows up to a value.

    It is reached at a value of the sample with fewer values, from one side or the other; between the values of a sketch also at those of
    the other sample, which are looked at where they are few.
    """
    import numpy as np

    few, many = (reference, current) if len(reference.values) <= len(current.values) else (current, reference)
    if few.counts is None and many.counts is None:
        return _ks_of_samples(few.values, many.values, repeated=few.distinct < few.n)
    places = [few.values]
    if (reference.between is not None or current.between is not None) and len(many.values) <= EVERY_VALUE:
        places.append(many.values)
    return max(
        float(np.abs(few.share_below(at, inclusive=inclusive) - many.share_below(at, inclusive=inclusive)).max())
        for at in places
        for inclusive in (True, False)
    )


def _ks_of_samples(few: Array, many: Array, *, repeated: bool) -> float:
    """The same for two sorted samples: each value of ``few`` is looked up in ``many`` once, and a second time only where values repeat."""
    import numpy as np

    n, up_to = len(few), np.searchsorted(many, few, side="right")
    below = up_to
    if bool((many[np.maximum(up_to - 1, 0)] == few).any()):
        below = np.searchsorted(many, few, side="left")
    rank = np.arange(n)
    first, last = (np.searchsorted(few, few, side="left"), np.searchsorted(few, few, side="right")) if repeated else (rank, rank + 1)
    return max(float(np.abs(last / n - up_to / len(many)).max()), float(np.abs(first / n - below / len(many)).max()))


def ks_probability(distance: float, n_reference: float, n_current: float) -> float:
    """P of a KS distance at least this large between two samples of one distribution.

    The exact distribution for one sample of ``mn / (m + n)`` rows (R. Simard and P. L'Ecuyer, Journal of Statistical Software 39, 2011), as
    SciPy's ``ks_2samp`` takes it; from :data:`MANY` on the limiting one with J. Vrbik's correction (Pioneer Journal of Theoretical and
    Applied Statistics 15, 2018), which agrees to 1e-6. Conservative where values repeat.
    """
    from scipy.special import kolmogorov
    from scipy.stats import kstwo

    size = max(round(n_reference * n_current / (n_reference + n_current)), 1)
    if size < MANY:
        return float(kstwo.sf(distance, size))
    scaled = math.sqrt(size) * distance
    return float(kolmogorov(scaled + 1 / (6 * math.sqrt(size)) + (scaled - 1) / (4 * size)))


def ks_detectable(alpha: float, n_reference: float, n_current: float) -> float:
    """The smallest KS distance whose probability is below ``alpha`` (asymptotic, at most 1): what these sizes can show at all."""
    size = n_reference * n_current / (n_reference + n_current)
    return min(1.0, math.sqrt(-math.log(alpha / 2) / (2 * size))) if size > 0 else 1.0


def wasserstein(reference: Numbers, current: Numbers) -> float:
    """Area between the two distribution functions, in standard deviations of the reference."""
    if current.counts is not None:
        area = _area(reference, current)
    elif reference.counts is not None:
        area = _area_of_few(reference, current)
    else:
        area = _area_of_samples(reference.values, current.values)
    return area / max(reference.sd, LEAST_SD)


def _area(a: Numbers, b: Numbers) -> float:
    import numpy as np

    values = np.sort(np.concatenate([a.values, b.values]), kind="stable")
    at = values[:-1]
    return float(np.abs(a.share_below(at) - b.share_below(at)) @ np.diff(values))


def _area_of_samples(a: Array, b: Array) -> float:
    """The same for two sorted samples, as the mean distance of their quantiles, which change at multiples of 1 / n and of 1 / m."""
    import numpy as np

    n, m = len(a), len(b)
    if n == m:
        return float(np.abs(a - b).mean())
    cuts = np.sort(np.concatenate([np.arange(1, n + 1) * m, np.arange(1, m + 1) * n]), kind="stable")
    return float(np.abs(a[(cuts - 1) // m] - b[(cuts - 1) // n]) @ np.diff(cuts, prepend=0)) / (n * m)


def _area_of_few(few: Numbers, many: Numbers) -> float:
    """The same from running sums of ``many``: between two neighbours of ``few`` one function is constant and the other crosses it once."""
    import numpy as np

    assert few.counts is not None
    mass = few.counts.copy()
    if few.between is not None:
        mass += few.between / 2 + np.append(few.between[1:], 0) / 2
    v, x = many.values - few.mean, few.values - few.mean
    sums = np.concatenate([[0.0], np.cumsum(v)])

    def under(t: Array) -> Array:
        m = np.searchsorted(v, t, side="right")
        below: Array = (m * t - sums[m]) / len(v)
        return below

    share = (np.cumsum(mass) / few.n)[:-1]
    left, right = x[:-1], x[1:]
    crossing = np.clip(v[np.clip(np.ceil(share * len(v)).astype(int) - 1, 0, len(v) - 1)], left, right)
    at_left, at_crossing, at_right = under(left), under(crossing), under(right)
    inner = share * (2 * crossing - left - right) + at_left - 2 * at_crossing + at_right
    tails = np.maximum(x[0] - v, 0).sum() + np.maximum(v - x[-1], 0).sum()
    return float(inner.sum() + tails / len(v))


def shares(reference: ColumnSketch, current: ColumnSketch) -> tuple[Array, Array]:
    """Shares of rows per bin: categories and few distinct numbers by value, other numbers in Sturges' equal-width bins."""
    import numpy as np

    if reference.categories is not None and current.categories is not None:
        a, b = align(reference.categories, current.categories)
        return a / max(a.sum(), 1), b / max(b.sum(), 1)
    old, new = reference.numbers, current.numbers
    assert old is not None
    assert new is not None
    if old.distinct > FEW_VALUES:
        edges = _sturges(old, new)
        return _histogram(old, edges), _histogram(new, edges)
    values = np.union1d(old.values, new.values)
    return (
        old.share_below(values) - old.share_below(values, inclusive=False),
        new.share_below(values) - new.share_below(values, inclusive=False),
    )


def psi(reference: Array, current: Array) -> float:
    """Population stability index of two arrays of shares ``(bins,)``; its empty bins are filled as Evidently does."""
    import numpy as np

    a, b = _filled(reference), _filled(current)
    return float(np.sum((a - b) * np.log(a / b)))


def jensen_shannon(reference: Array, current: Array) -> float:
    """Jensen-Shannon distance (natural logarithm, 0 to 0.83) of two arrays of shares ``(bins,)``."""
    import numpy as np

    middle = (reference + current) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(reference > 0, reference * np.log(reference / middle), 0.0).sum()
        right = np.where(current > 0, current * np.log(current / middle), 0.0).sum()
    return math.sqrt(max(0.0, float(left + right) / 2))


def align(reference: Categories, current: Categories) -> tuple[Array, Array]:
    """Counts ``(values,)`` of both, by value of the reference and then new values; unnamed values of the reference stand last."""
    import numpy as np

    new = sorted(set(current.counts) - set(reference.counts))
    a = [float(count) for count in reference.counts.values()]
    b = [float(current.counts.get(value, 0)) for value in reference.counts]
    if reference.other:
        a.append(float(reference.other))
        b.append(float(sum(current.counts[value] for value in new)) + current.other)
    else:
        a += [0.0] * len(new)
        b += [float(current.counts[value]) for value in new]
        if current.other:
            a.append(0.0)
            b.append(float(current.other))
    return np.array(a), np.array(b)


def chi_square_fit(reference: Array, current: Array) -> tuple[float, float]:
    """Chi-square of the current counts against those that the reference's shares let expect, and P (as Evidently's test)."""
    from scipy.stats import chi2

    expected = reference * (current.sum() / reference.sum())
    if (expected == 0).any():
        return math.inf, 0.0
    value = float((((current - expected) ** 2) / expected).sum())
    return value, float(chi2.sf(value, len(current) - 1))


def chi_square(reference: Array, current: Array, *, seed: int, worth: tuple[float, float] = (1.0, 1.0)) -> tuple[float, float]:
    """Chi-square of two samples with these counts ``(values,)``, and P when both come from one distribution.

    Values that are rare are taken together. Where a cell expects fewer than :data:`EXPECTED` rows, P is the share of
    :data:`RESAMPLES` random divisions of the pooled rows (a permutation test) that are at least as far apart.

    Args:
        reference, current: counts.
        seed: of the random divisions.
        worth: independent rows by rows, of reference and current sample.
    """
    import numpy as np
    from scipy.stats import chi2

    table = _pooled(np.vstack([np.ceil(reference * worth[0]), np.ceil(current * worth[1])]))
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return 0.0, 1.0
    value = float(_chi_square(table[1][None, :], table.sum(axis=0), table[1].sum())[0])
    expected = table.sum(axis=0) * (table.sum(axis=1).min() / table.sum())
    if expected.min() >= EXPECTED:
        return value, float(chi2.sf(value, table.shape[1] - 1))
    random = np.random.default_rng(seed)
    total, size = table.sum(axis=0).round().astype(int), int(table[1].sum())
    drawn = random.multivariate_hypergeometric(total, size, size=RESAMPLES, method="marginals")
    further = int((_chi_square(drawn, total, size) >= value * (1 - 1e-12)).sum())
    return value, (1 + further) / (1 + RESAMPLES)


def two_shares(missing_reference: float, n_reference: float, missing_current: float, n_current: float) -> float:
    """Two-sided P that two samples of these sizes with these hits have one rate: Fisher's exact test, chi-square for large counts."""
    from scipy.stats import chi2, fisher_exact

    pooled = (missing_reference + missing_current) / (n_reference + n_current)
    if pooled in (0.0, 1.0):
        return 1.0
    if min(n_reference, n_current) * min(pooled, 1 - pooled) >= 20:
        difference = missing_reference / n_reference - missing_current / n_current
        variance = pooled * (1 - pooled) * (1 / n_reference + 1 / n_current)
        return float(chi2.sf(difference**2 / variance, 1))
    a, b = round(missing_reference), round(missing_current)
    return float(fisher_exact([[a, round(n_reference) - a], [b, round(n_current) - b]])[1])


def unseen_probability(unseen: float, n_current: float, singletons: int, n_reference: int) -> float:
    """P of at least ``unseen`` rows with values that the reference never held.

    Their expected share is Good-Turing's ``singletons / n`` (I. J. Good, Biometrika 40, 1953), one row more for caution; rows are then
    binomial, and the uncertainty of that share is taken in by a beta distribution around it.
    """
    from scipy.stats import betabinom

    if unseen <= 0:
        return 1.0
    a = singletons + 1.0
    return float(betabinom.sf(round(unseen) - 1, max(round(n_current), round(unseen)), a, max(n_reference - singletons, 1)))


def adjusted(probabilities: Mapping[Any, float]) -> dict[Any, float]:
    """Probabilities adjusted for how many were looked at: Y. Benjamini and Y. Hochberg, JRSS B 57 (1995)."""
    order = sorted(probabilities, key=lambda name: (-probabilities[name], str(name)))
    count, least, result = len(order), 1.0, {}
    for place, name in enumerate(order):
        least = min(least, probabilities[name] * count / (count - place))
        result[name] = least
    return {name: result[name] for name in probabilities}


def _sturges(old: Numbers, new: Numbers) -> Array:
    import numpy as np

    low, high, n = min(old.low, new.low), max(old.high, new.high), old.n + new.n
    if low == high:
        return np.array([low - 0.5, high + 0.5])
    width = (high - low) / (math.log2(n) + 1)
    if old.integer and new.integer:
        width = max(width, 1.0)
    return np.linspace(low, high, math.ceil((high - low) / width) + 1)


def _histogram(numbers: Numbers, edges: Array) -> Array:
    """Share of rows in each bin, closed at the left and the last one at both ends."""
    import numpy as np

    below = numbers.share_below(edges, inclusive=False)
    below[-1] = float(numbers.share_below(edges[-1:])[0])
    return np.diff(below)


def _filled(share: Array) -> Array:
    import numpy as np

    if not (share > 0).any():
        return np.full(len(share), LEAST_SHARE)
    least = float(share[share > 0].min())
    return np.where(share > 0, share, least / 10**6 if least <= LEAST_SHARE else LEAST_SHARE)


def _pooled(table: Array) -> Array:
    """Columns with values; those that expect less than one row of the smaller sample, and the rarest of many, in one column."""
    import numpy as np

    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 3:
        return table
    order = np.argsort(-table.sum(axis=0), kind="stable")
    table = table[:, order]
    expected = table.sum(axis=0) * (table.sum(axis=1).min() / max(table.sum(), 1))
    kept = max(1, min(CELLS, int((expected >= 1).sum())))
    return table if kept >= table.shape[1] else np.column_stack([table[:, :kept], table[:, kept:].sum(axis=1)])


def _chi_square(current: Array, total: Array, size: float) -> Array:
    """Chi-square ``(b,)`` of the 2 x k tables with column sums ``total (k,)`` and second rows ``current (b, k)`` of ``size`` rows."""
    import numpy as np

    n = total.sum()
    expected = total * (size / n)
    other = total - expected
    moved = np.square(current - expected)
    result: Array = (moved / expected + moved / other).sum(axis=1)
    return result
