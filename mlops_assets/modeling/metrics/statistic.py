"""A number of weighted rows, in a form that a bootstrap can evaluate hundreds of times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

Formula = Callable[["Array", "Array"], "Statistic"]
"""From outcomes and predictions to a statistic."""


@dataclass(frozen=True)
class Statistic:
    """A number that depends on row weights only.

    Either ``sums (n, m)`` with ``combine``: weighted totals ``(b, m)`` -> ``(b,)``; or ``over``: weights ``(b, n)`` -> ``(b,)``.
    """

    sums: Array | None = None
    combine: Callable[[Array], Array] | None = None
    over: Callable[[Array], Array] | None = None

    def at(self, weights: Array) -> Array:
        """Value for each row of ``weights (b, n)``, whole or not."""
        import numpy as np

        if self.sums is not None and self.combine is not None:
            # Unlike a matrix product this adds in the same order on any number of threads.
            return self.combine(np.einsum("ij,jk->ik", weights, self.sums))
        assert self.over is not None
        return self.over(weights)


def mean_of(values: Array) -> Statistic:
    """The weighted mean of ``values (n,)``."""
    import numpy as np

    sums = np.column_stack([np.ones(len(values)), values])
    return Statistic(sums, lambda s: s[:, 1] / s[:, 0])
