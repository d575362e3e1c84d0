"""How large a change of the outcome is, from one set of rows to another."""

from __future__ import annotations

import math

LARGE_H = 0.3
"""Cohen's h of a class's share from which on a change is large."""
LARGE_SD = 1.0
"""The same for the mean of a number, in standard deviations."""


def cohens_h(before: float, after: float) -> float:
    """The effect of a change between two shares: J. Cohen, Statistical Power Analysis, 1988, chapter 6."""
    return abs(_angle(after) - _angle(before))


def _angle(share: float) -> float:
    return 2 * math.asin(math.sqrt(min(share, 1.0)))
