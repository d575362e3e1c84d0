"""What a feature view and a model read, counted in whole periods of a calendar, and the partition keys that follow.

With lookback L, window W, horizon h and holdout H:

* a feature view at ``d`` reads data ``d-L+1 … d`` and is as of ``end(d)``;
* a model at ``d`` learns from as-of keys ``d-h-W+1 … d-h`` (every ``every`` periods, counted back from ``d-h``)
  and from labels up to ``d``;
* the newest H periods of those keys are the holdout; training ends early enough that no label window of a
  training key reaches past the first as-of time of the holdout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from mlops_assets.spec.calendar import Calendar, CalendarError


@dataclass(frozen=True)
class ViewWindow:
    """What a feature view reads: ``calendar`` of its as-of times (None: unpartitioned), ``lookback`` and ``recompute`` in periods."""

    calendar: Calendar | None
    lookback: int
    recompute: int

    def data_keys(self, key: str) -> list[str]:
        """Keys of the view's own calendar that features at ``key`` read, oldest first, clipped at the calendar's start."""
        calendar = _present(self.calendar)
        return calendar.between(calendar.shift(key, 1 - self.lookback), key)

    def interval(self, key: str) -> tuple[datetime, datetime]:
        """``[start, as-of time)`` of the events that features at ``key`` see, in UTC."""
        calendar = _present(self.calendar)
        return calendar.start_of(calendar.shift(key, 1 - self.lookback)), calendar.end_of(key)


@dataclass(frozen=True)
class Windows:
    """What a model reads, in periods of ``calendar``. ``calendar`` is None for undated models: there are no keys then.

    Attributes:
        window: periods of history, holdout included; None for an expanding window.
        horizon: periods until the label of an as-of key is final (the label delay in the examples form).
        holdout: periods of holdout; None where it is a share.
        holdout_share: share of the history that is held out; None where ``holdout`` counts periods.
        every: periods between as-of snapshots.
        minimum: least periods of history to train at all.
        examples: True for the examples form, whose rows are as of their own event time inside a partition.
    """

    calendar: Calendar | None
    window: int | None
    horizon: int
    holdout: int | None
    holdout_share: float | None
    every: int
    minimum: int
    examples: bool = False

    def newest(self, key: str) -> str:
        """The newest as-of key whose label is final at the end of ``key``."""
        return _present(self.calendar).shift(key, -self.horizon)

    def history(self, key: str) -> int:
        """Periods between the calendar's start and the newest matured key, both included, at most the window."""
        calendar = _present(self.calendar)
        there = max(0, calendar.distance(calendar.first_key, self.newest(key)) + 1)
        return there if self.window is None else min(there, self.window)

    def holdout_periods(self, key: str) -> int:
        """Periods of holdout at ``key``; a share rounds up, to at least one period."""
        if self.holdout is not None:
            return self.holdout
        return max(1, math.ceil(round((self.holdout_share or 0.0) * self.history(key), 9)))

    def feature_keys(self, key: str) -> list[str]:
        """As-of keys that the model at ``key`` learns from or is judged on, oldest first.

        In the examples form these are the partitions whose rows are the examples.
        """
        calendar = _present(self.calendar)
        newest, span = self.newest(key), self.history(key)
        return [calendar.shift(newest, -back) for back in range(0, span, self.every)][::-1]

    def data_keys(self, key: str) -> list[str]:
        """Keys whose label data the model at ``key`` reads, oldest first.

        In the full form the label windows of all as-of keys, ending with ``key``; in the examples form the
        examples' own partitions, since a row carries its target.
        """
        calendar, keys = _present(self.calendar), self.feature_keys(key)
        if self.examples or not keys:
            return keys
        return calendar.between(calendar.shift(keys[0], 1), key)

    def holdout_keys(self, key: str) -> list[str]:
        """The newest matured as-of keys, kept for judging, oldest first."""
        calendar = _present(self.calendar)
        newest, periods = self.newest(key), self.holdout_periods(key)
        return [k for k in self.feature_keys(key) if calendar.distance(k, newest) < periods]

    def train_keys(self, key: str) -> list[str]:
        """As-of keys to learn from, oldest first: their label windows end before the holdout begins."""
        calendar, held = _present(self.calendar), self.holdout_keys(key)
        if not held:
            return []
        gap = self.horizon + 1 if self.examples else max(1, self.horizon)
        return [k for k in self.feature_keys(key) if calendar.distance(k, held[0]) >= gap]

    def embargo_keys(self, key: str) -> list[str]:
        """As-of keys between training and holdout that neither may use, oldest first."""
        used = {*self.train_keys(key), *self.holdout_keys(key)}
        return [k for k in self.feature_keys(key) if k not in used]

    def interval(self, key: str) -> tuple[datetime, datetime]:
        """``[as-of time, end of the label window)`` of as-of ``key`` in the full form, in UTC."""
        calendar = _present(self.calendar)
        return calendar.end_of(key), calendar.end_of(calendar.shift(key, self.horizon))


def _present(calendar: Calendar | None) -> Calendar:
    if calendar is None:
        raise CalendarError("there is no calendar: nothing that is read here has partitions")
    return calendar
