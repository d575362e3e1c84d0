"""What a retraining policy looks at: plain data, from the ledger and from the monitoring assets, live or replayed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Measured:
    """A number with what it rests on.

    Attributes:
        value: the number; None where there is none.
        low, high: its confidence interval; None where the rows were too few for one.
        n: rows.
        conclusive: False where it must not be acted on, for example because labels cover too few predictions; ``detail`` says why.
        metric: what was measured, where that may be another metric than the monitored one: rows of one class have no AUC. Then ``gate`` is
            its value at the gate, ``worse`` how far it is worse than that, and ``worse_low`` the lower bound of this at 95 %.
        significant: for a drift statistic, whether it is more than chance at this window's size.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    conclusive: bool = True
    significant: bool | None = None
    detail: str = ""
    metric: str | None = None
    gate: float | None = None
    worse: float | None = None
    worse_low: float | None = None

    @property
    def half(self) -> float | None:
        """Half the width of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


@dataclass(frozen=True)
class Window:
    """What monitoring found in one window.

    Attributes:
        key: of the partition.
        end: its as-of time, UTC.
        version: the champion whose predictions it holds.
        performance: measured on matured labels.
        estimated: estimated before labels.
        score_psi: population stability index of the score.
    """

    key: str
    end: datetime
    version: int
    performance: Measured | None = None
    estimated: Measured | None = None
    score_psi: Measured | None = None


@dataclass(frozen=True)
class Champion:
    """The version that serves.

    Attributes:
        version: its number.
        since: when it became champion, UTC.
        trained_until: end of the data that it learned from, UTC; None where undated.
        metric: the monitored metric; ``greater_is_better`` its direction.
        gate: its value at the gate, on the holdout.
    """

    version: int
    since: datetime
    trained_until: datetime | None
    metric: str
    greater_is_better: bool
    gate: Measured


@dataclass(frozen=True)
class Request:
    """A retraining that was asked for.

    Attributes:
        key: of the decision that asked.
        at: when, UTC.
        version: the champion of that time.
        window: key of the window that it rested on.
        in_flight: whether its run has not ended yet, well or badly.
    """

    key: str
    at: datetime
    version: int
    window: str
    in_flight: bool = False


@dataclass(frozen=True)
class Ask:
    """A firing alert that asked for retraining at ``at`` (UTC), with what it saw. It counts for the newest window of that time."""

    alert: str
    at: datetime
    metric: str
    value: float
    n: int


@dataclass(frozen=True)
class History:
    """Everything that a decision may depend on beside the policy and the time.

    Attributes:
        champion: None where no version serves.
        windows: of any version, in any order.
        requests: all that were made.
        asks: of alerts.
        data_until: end of the newest data that a retraining would learn from, UTC. Age is counted up to there, not to the
            clock, so that neither a clock that jumps nor a feed that stopped makes a model look old.
    """

    champion: Champion | None
    windows: tuple[Window, ...] = ()
    requests: tuple[Request, ...] = ()
    asks: tuple[Ask, ...] = ()
    data_until: datetime | None = None


Answer = Literal["yes", "no", "inconclusive"]
