"""Weighted sums whose bits depend on no order of summation, and so on no number of threads and no kind of processor.

A column is split into two parts, each a whole multiple of a power of two so large that no sum of counts times the part needs more than
the 53 bits of a float. Every intermediate sum is then exact, in whatever order and on however many threads a matrix product adds. What
the two parts leave out is less than ``2 ** -100`` of the largest sum. The idea is that of error-free splitting: S. Rump, T. Ogita and
S. Oishi, "Accurate Floating-Point Summation", SIAM Journal on Scientific Computing 31 (2008).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_BITS = 53
_LEAST = -1074
"""Exponent of the smallest number."""


class ExactSums:
    """Sums of ``columns (n, m)``, weighted by whole counts that add up to at most ``most`` in each row of weights."""

    def __init__(self, columns: Array, most: int) -> None:
        import numpy as np

        distinct: dict[bytes, int] = {}
        place = [distinct.setdefault(column.tobytes(), len(distinct)) for column in columns.T]
        self._place = np.array(place, int)
        kept = columns[:, [place.index(position) for position in range(len(distinct))]]
        high = _whole(kept, most)
        low = np.where(np.isfinite(kept), kept, 0.0) - np.where(np.isfinite(high), high, 0.0)
        self._rest = np.flatnonzero(low.any(axis=0))
        self._parts = np.concatenate([high, _whole(low[:, self._rest], most)], axis=1)

    def of(self, counts: Array) -> Array:
        """The sums ``(b, m)`` for each row of ``counts (b, n)``."""
        both = counts.astype(float) @ self._parts
        high, low = both[:, : both.shape[1] - len(self._rest)], both[:, both.shape[1] - len(self._rest) :]
        high[:, self._rest] += low
        result: Array = high[:, self._place]
        return result


def _whole(columns: Array, most: int) -> Array:
    """Each column rounded to multiples of the power of two at which ``most`` times its largest value has 53 bits."""
    import numpy as np

    largest = np.abs(columns).max(axis=0, initial=0.0) * most
    unit = np.ldexp(1.0, np.maximum(np.frexp(np.where(np.isfinite(largest), largest, 1.0))[1] - _BITS, _LEAST))
    with np.errstate(over="ignore"):
        result: Array = np.where(np.isfinite(largest), np.rint(columns / unit) * unit, columns)
    return result
