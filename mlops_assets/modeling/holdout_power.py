"""Whether a declared holdout brings the rows that gates need, and the shortest one that does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlops_assets.modeling.power import Need
from mlops_assets.spec.durations import Duration, Unit

LARGEST_SHARE = 0.5
"""More than this share of undated rows is no holdout: it leaves too few to learn from."""


@dataclass(frozen=True)
class Brought:
    """Rows that data bring to a holdout.

    Attributes:
        unit: period of the calendar; None where the holdout is a share.
        size: the declared holdout, in periods or as a share.
        longest: the longest possible one in the same unit; it leaves something to learn from.
        rows: rows in the declared holdout.
        effective: independent rows that the newest 1, 2, … periods are worth; of a share the one number for all rows.
    """

    unit: Unit | None
    size: float
    longest: float
    rows: int
    effective: Sequence[float]

    def worth(self, size: float) -> float:
        """Effective rows of a holdout of ``size``; beyond the periods that were looked at in proportion."""
        if not self.effective:
            return 0.0
        if self.unit is None:
            return size * self.effective[0]
        seen = len(self.effective)
        return self.effective[int(size) - 1] if size <= seen else self.effective[-1] * size / seen

    def shortest(self, needed: float) -> float | None:
        """The shortest holdout that is worth ``needed`` rows, and from which on longer ones are; None where there is none."""
        if self.unit is None:
            size = math.ceil(100 * needed / self.effective[0] - 1e-9) / 100 if self.effective and self.effective[0] else math.inf
            return max(size, 0.01) if size <= self.longest else None
        found = len(self.effective) + 1
        while found > 1 and self.worth(found - 1) >= needed:
            found -= 1
        if found > len(self.effective) and self.effective and self.effective[-1] > 0:
            found = max(found, math.ceil(needed * len(self.effective) / self.effective[-1] - 1e-9))
        return found if self.effective and self.effective[-1] > 0 and found <= self.longest else None

    def written(self, size: float) -> str:
        """A holdout of that size as a definition says it."""
        if self.unit is None:
            return f"{100 * size:.6g}%"
        return str(Duration(int(size), self.unit))


@dataclass(frozen=True)
class Standing:
    """One gate and a holdout: what it needs, what there is, and the shortest holdout that decides (None: none does)."""

    gate: str
    needs: int | None
    has: float
    shortest: float | None
    why: str

    @property
    def decides(self) -> bool:
        return self.needs is not None and self.has >= self.needs


def standings(needs: Iterable[Need], brought: Brought) -> list[Standing]:
    """How each gate stands with the declared holdout."""
    has = brought.worth(brought.size)
    return [Standing(need.gate, need.rows, has, None if need.rows is None else brought.shortest(need.rows), need.why) for need in needs]


def shortest_of_all(found: Iterable[Standing]) -> float | None:
    """The shortest holdout with which every gate decides; None where there is none."""
    sizes = [one.shortest for one in found]
    return None if any(size is None for size in sizes) else max((size for size in sizes if size is not None), default=None)
