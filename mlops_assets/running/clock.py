"""A clock that is moved by hand."""

from __future__ import annotations

import time
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class _Piece:
    """A stretch of simulated time: ``start`` (simulated) at ``began`` (monotonic seconds) and ``wall`` (microseconds since 1970)."""

    start: datetime
    began: float
    wall: int
    rate: float = 1.0
    last: datetime | None = None

    def after(self, seconds: float) -> datetime:
        moment = self.start + timedelta(seconds=seconds * self.rate)
        return moment if self.last is None else min(moment, self.last)


class Clock:
    """Simulated UTC: starts at a moment, goes on as the wall's does, can be set forward, and can let a long time pass in a short one."""

    def __init__(self, start: datetime) -> None:
        self._pieces = [_Piece(start, time.monotonic(), time.time_ns() // 1000)]

    def now(self) -> datetime:
        """The simulated moment."""
        piece = self._pieces[-1]
        return piece.after(time.monotonic() - piece.began)

    def to(self, moment: datetime) -> None:
        """Go forward to ``moment``; never back."""
        if moment > self.now():
            self._go_on(moment)

    def glide(self, moment: datetime, seconds: float) -> None:
        """Let the time until ``moment`` pass evenly within ``seconds`` of the wall's; returns when it has."""
        now = self.now()
        if moment <= now:
            return
        self._go_on(now, (moment - now).total_seconds() / seconds, moment)
        time.sleep(seconds)
        self._go_on(moment)

    def at(self, wall: int) -> int:
        """The simulated moment at which the wall's clock stood at ``wall``, both in microseconds since 1970 (UTC)."""
        place = max(0, bisect_right(self._pieces, wall, key=lambda piece: piece.wall) - 1)
        piece = self._pieces[place]
        moment = piece.after((wall - piece.wall) / 1e6)
        if place + 1 < len(self._pieces):
            moment = min(moment, self._pieces[place + 1].start)
        return int(moment.timestamp() * 1e6)

    def _go_on(self, start: datetime, rate: float = 1.0, last: datetime | None = None) -> None:
        self._pieces.append(_Piece(start, time.monotonic(), time.time_ns() // 1000, rate, last))
