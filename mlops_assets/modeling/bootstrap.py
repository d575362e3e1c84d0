"""Confidence intervals from resampled blocks of rows.

Rows of one entity at several as-of times share outcomes, and rows of one day share the day, so they are drawn together: a
resample draws whole blocks with replacement and every row counts as often as its block was drawn. The same draws serve every
statistic, so differences between candidate and champion are paired. Everything is determined by the seed, on any number of threads.

Intervals are expanded percentile intervals, which correct the percentile bootstrap for few blocks, and where a confidence leaves hardly a
resample beyond its bounds, t intervals with the resamples' standard deviation:
T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69 (2015), section 5.3.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.modeling.distinct import groups_of
from mlops_assets.modeling.exact_sums import ExactSums

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.modeling.metrics.statistic import Statistic

    Array = np.ndarray[Any, np.dtype[Any]]

CONFIDENCE = 0.95
MIN_TIME_BLOCKS = 20
"""Fewer stretches of time than this say too little about the spread between them; rows are drawn instead."""
STRETCHES = ("D", "12h", "6h", "3h", "h")
"""Lengths of a stretch of time, the longest first."""
MIN_BEYOND = 2
"""Where a bound leaves fewer resamples than these beyond it, they cannot show it: it is taken from their standard deviation."""
MAX_UNDEFINED = 0.1
"""Where more of the resamples than this have no value, such as the AUC of one class, there is no interval."""
SHOWN_RESAMPLES = 250
"""For intervals that are shown and that nothing is decided by: their bounds are exact to a tenth of their width."""
_CHUNK = 300_000
"""Rows times resamples that are looked at together: few enough that their memory is used again instead of asked for anew."""
_KEPT = 64_000_000
"""Blocks times resamples that are kept to be used again, a byte each."""


@dataclass(frozen=True)
class Blocks:
    """Which block each row belongs to: ``code (n,)`` in 0 … count-1; ``arange(n)`` where every row is its own."""

    code: Array
    count: int
    unit: Literal["entity", "time", "alike", "row"]

    @property
    def n(self) -> int:
        return len(self.code)

    def take(self, rows: Array) -> Blocks:
        """The blocks of a subset of rows (a mask or positions)."""
        import numpy as np

        kept, code = np.unique(self.code[rows], return_inverse=True)
        if len(kept) == len(code):
            code = np.arange(len(code))
        return Blocks(code, len(kept), self.unit)


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval; bounds are None where the rows are too few to have one."""

    value: float
    low: float | None
    high: float | None
    n: int
    n_effective: float
    confidence: float = CONFIDENCE

    @property
    def bounds(self) -> tuple[float, float] | None:
        return None if self.low is None or self.high is None else (self.low, self.high)

    def to_json(self) -> dict[str, Any]:
        bounds = self.bounds
        return {
            "value": None if math.isnan(self.value) else self.value,
            "interval": None if bounds is None else list(bounds),
            "n": self.n,
            "n_effective": round(self.n_effective, 1),
            "confidence": self.confidence,
        }


@dataclass(frozen=True)
class Draws:
    """A statistic on the rows as they are, and on each resample ``(resamples,)``."""

    value: float
    resampled: Array


def choose_blocks(entity: pd.DataFrame | None, as_of: pd.Series | None, n: int) -> Blocks:
    """Blocks for ``n`` rows: by entity where an entity occurs more than once; else by time where there are at least
    :data:`MIN_TIME_BLOCKS` distinct stretches of it; else every row is its own block.

    Neighbouring moments are alike: stretches are UTC days, or where these are too few the longest of :data:`STRETCHES` that are enough.
    """
    import numpy as np
    import pandas as pd

    if entity is not None and entity.shape[1] and n:
        code = groups_of(entity)
        count = int(code.max()) + 1
        if count < n:
            return Blocks(code, count, "entity")
    if as_of is not None and n and as_of.notna().all():
        moments = pd.to_datetime(as_of, utc=True, cache=False)
        for stretch in STRETCHES:
            code, found = pd.factorize(moments.dt.floor(stretch), sort=True)
            if MIN_TIME_BLOCKS <= len(found) < n:
                return Blocks(np.asarray(code), len(found), "time")
    return Blocks(np.arange(n), n, "row")


def effective_n(blocks: Blocks, values: Array) -> float:
    """How many independent rows the rows are worth: ``n / (1 + (m - 1) * rho)``.

    ``m`` is the mean block size that a row meets, ``sum(size²) / n``, and ``rho`` the intraclass correlation of ``values``
    by one-way analysis of variance, cut to [0, 1]: L. Kish, Survey Sampling (1965), section 5.4, with the unequal
    sizes of Donner and Koval, Biometrics 36 (1980).
    """
    import numpy as np

    n, count = blocks.n, blocks.count
    if n == 0 or count == n:
        return float(n)
    if count < 2:
        return 1.0
    met = float(np.square(np.bincount(blocks.code, minlength=count).astype(float)).sum() / n)
    between, within = variance_between_and_within(blocks, values)
    typical = (n - met) / (count - 1)
    total = between + (typical - 1) * within
    rho = 0.0 if total <= 0 else min(1.0, max(0.0, (between - within) / total))
    return n / (1 + (met - 1) * rho)


def variance_between_and_within(blocks: Blocks, values: Array) -> tuple[float, float]:
    """Mean squares of a one-way analysis of variance, for at least two blocks of which one has several rows."""
    import numpy as np

    size, means = means_of(blocks, values)
    between = float((size * np.square(means - values.mean())).sum() / (blocks.count - 1))
    within = float(np.square(values - means[blocks.code]).sum() / (blocks.n - blocks.count))
    return between, within


def means_of(blocks: Blocks, values: Array) -> tuple[Array, Array]:
    """Rows and mean of ``values (n,)`` of each block ``(count,)``."""
    import numpy as np

    size = np.bincount(blocks.code, minlength=blocks.count).astype(float)
    return size, np.bincount(blocks.code, weights=values, minlength=blocks.count) / size


def resamples_for(n: int) -> int:
    """How many resamples: 1,000, fewer on many rows, where intervals are narrow anyway, but never under 200."""
    return int(min(1000, max(200, 40_000_000 // max(n, 1))))


class Resampling:
    """Resamples of blocks, drawn once for everything that is measured on the same rows.

    The first resamples are the same however many are asked for.
    """

    def __init__(self, blocks: Blocks, seed: int) -> None:
        import numpy as np

        self.blocks = blocks
        self.seed = seed
        self._random = np.random.default_rng(seed)
        self._kept: list[Array] = []

    def chunks(self, total: int) -> Iterator[Array]:
        """How often each block was drawn ``(some resamples, blocks)``, until there are ``total`` resamples."""
        import numpy as np

        step = max(1, _CHUNK // max(self.blocks.n, 1))
        if total * self.blocks.count > _KEPT:
            random = np.random.default_rng(self.seed)
            yield from (_counts(random, min(step, total - start), self.blocks.count) for start in range(0, total, step))
            return
        start = 0
        for place in itertools.count():
            if start >= total:
                return
            if place == len(self._kept):
                self._kept.append(_counts(self._random, min(step, total - start), self.blocks.count))
            yield self._kept[place][: total - start]
            start += len(self._kept[place])


def draw(
    statistics: Mapping[str, Statistic],
    blocks: Blocks,
    *,
    seed: int,
    resamples: int | None = None,
    weight: Array | None = None,
    resampling: Resampling | None = None,
) -> dict[str, Draws]:
    """Evaluate every statistic on the rows and on the same resamples of blocks.

    Statistics must be of the same ``blocks.n`` rows. ``weight (n,)`` counts rows before they are drawn. ``resampling`` of the same blocks
    and seed saves drawing again.
    """
    import numpy as np

    n, total = blocks.n, resamples or resamples_for(blocks.n)
    base = np.ones(n, np.uint8) if weight is None else np.asarray(weight, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {name: float(s.at(base[None, :])[0]) if n else float("nan") for name, s in statistics.items()}
        if blocks.count < 2:
            return {name: Draws(value, np.full(total, np.nan)) for name, value in values.items()}
        totals = _Totals({name: s.sums * base[:, None] for name, s in statistics.items() if s.sums is not None}, blocks)
        found: dict[str, list[Array]] = {name: [] for name in statistics}
        for counts in (resampling or Resampling(blocks, seed)).chunks(total):
            sums, rows = totals.of(counts), None
            for name, statistic in statistics.items():
                if name in sums:
                    assert statistic.combine is not None
                    found[name].append(statistic.combine(sums[name]))
                    continue
                if rows is None:
                    rows = counts if blocks.count == n else np.take(counts, blocks.code, axis=1)
                    rows = rows if weight is None else rows * base
                found[name].append(statistic.at(rows))
    return {name: Draws(values[name], np.concatenate(parts)) for name, parts in found.items()}


class _Totals:
    """Sums of several tables of rows ``(n, m)``, of one resample of blocks after the other."""

    def __init__(self, tables: Mapping[str, Array], blocks: Blocks) -> None:
        import numpy as np

        self._places: dict[str, slice] = {}
        self._sums: ExactSums | None = None
        if tables:
            ends = np.cumsum([table.shape[1] for table in tables.values()])
            self._places = {n: slice(int(end) - t.shape[1], int(end)) for (n, t), end in zip(tables.items(), ends, strict=True)}
            together = np.concatenate(list(tables.values()), axis=1)
            self._sums = ExactSums(_block_sums(together, blocks), blocks.count)

    def of(self, counts: Array) -> dict[str, Array]:
        """Totals ``(b, m)`` of each table."""
        if self._sums is None:
            return {}
        sums = self._sums.of(counts)
        return {name: sums[:, place] for name, place in self._places.items()}


def interval(draws: Draws, blocks: Blocks, n_effective: float, confidence: float = CONFIDENCE) -> Interval:
    """Expanded percentile interval; without bounds where too many resamples have no value (:data:`MAX_UNDEFINED`)."""
    low, high = _bounds(draws, blocks.count, confidence)
    if math.isnan(draws.value):
        low = high = None
    return Interval(draws.value, low, high, blocks.n, n_effective, confidence)


def _bounds(draws: Draws, count: int, confidence: float) -> tuple[float | None, float | None]:
    import numpy as np

    known = draws.resampled[np.isfinite(draws.resampled)]
    if count < 2 or len(known) < (1 - MAX_UNDEFINED) * len(draws.resampled) or not len(known):
        return None, None
    errors, tail = _errors_and_tail(count, confidence)
    if tail * len(known) < MIN_BEYOND:
        half = errors * float(known.std())
        return draws.value - half, draws.value + half
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


@lru_cache
def _errors_and_tail(count: int, confidence: float) -> tuple[float, float]:
    """Standard errors to either bound, for so many blocks, and the share of resamples that lies beyond it."""
    from scipy import stats

    errors = math.sqrt(count / (count - 1)) * float(stats.t.ppf((1 + confidence) / 2, count - 1))
    return errors, float(stats.norm.cdf(-errors))


def _block_sums(values: Array, blocks: Blocks) -> Array:
    import numpy as np

    if blocks.count == blocks.n:
        return values
    columns = [np.bincount(blocks.code, weights=column, minlength=blocks.count) for column in values.T]
    return np.stack(columns, axis=1)


def _counts(random: np.random.Generator, resamples: int, blocks: int) -> Array:
    """How often each block was drawn ``(resamples, blocks)``."""
    import numpy as np

    counts = np.empty((resamples, blocks), np.uint8)
    for row in counts:
        # That a block is drawn more than 255 times, as a byte can say, happens once in 10 ** 500 resamples.
        row[:] = np.bincount(random.integers(0, blocks, blocks), minlength=blocks)
    return counts
