"""The documented change in behaviour: from a known date on, part of the customers buy from two shops.

Before: who ordered often and recently orders again; who has been away for long stays away.
After: an exposed customer, mostly a young one, takes turns, ``HERE`` days with this shop and ``AWAY`` days with the
other. For them a run of recent orders now ends in a month of silence, and a month of silence ends in orders: recency and
frequency say the opposite of what they said. Their hazard of leaving altogether also rises by ``HAZARD``.
A model from before keeps its ranking for the others and loses it for these; one that is trained again learns the
turns, which show in recency, frequency and age.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXPOSURE = {"18-29": 0.9, "30-44": 0.75, "45-59": 0.2, "60+": 0.05}
"""Share of each age band that the competitor reaches."""

HERE = 28
AWAY = 42
HAZARD = 1.5
RATE_HERE = 1.3
RATE_AWAY = 0.03


def rate(days_since: int, exposed: NDArray[np.bool_], offset: NDArray[np.int64]) -> NDArray[np.float64]:
    """Factor on the order rate of each customer, ``days_since`` the competitor entered; 1 before.

    Args:
        days_since: Whole days since the entry; negative before it.
        exposed: Which customers take turns.
        offset: Where in the cycle of ``HERE + AWAY`` days each of them began.
    """
    import numpy as np

    if days_since < 0:
        return np.ones(len(exposed))
    here = (days_since + offset) % (HERE + AWAY) < HERE
    return np.where(exposed, np.where(here, RATE_HERE, RATE_AWAY), 1.0)
