"""What a gate measures time with: two clocks, and a fixed work whose time tells how busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


def count(units: int) -> None:
    """The reference work: that of one unit is always the same, some 10 µs of one thread."""
    total = 0
    for i in range(250 * units):
        total += i


@dataclass(frozen=True)
class Machine:
    """Clocks in seconds, and the reference work.

    Attributes:
        wall: time that passes.
        cpu: time that this thread computes. Whoever waits, or is kept waiting, has less of it than of the other.
        work: does so many units of the reference work.
        wait: waits so many seconds, or longer where the machine does not come back at once.
    """

    wall: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.thread_time
    work: Callable[[int], None] = count
    wait: Callable[[float], None] = time.sleep

    def timed(self, do: Callable[[], object]) -> tuple[float, float]:
        """Seconds of wall and CPU time that ``do`` takes."""
        wall, cpu = self.wall(), self.cpu()
        do()
        return self.wall() - wall, self.cpu() - cpu


THIS = Machine()
"""The machine that runs this."""


class Simulated:
    """A machine on which time passes only as it is told, for cases that come out alike wherever they run.

    ``held_up`` is how many times longer than on a quiet machine everything takes on it.
    """

    def __init__(self, held_up: float = 1.0) -> None:
        self.held_up = held_up
        self._wall = self._cpu = 0.0

    def compute(self, seconds: float) -> None:
        self._cpu += seconds
        self._wall += seconds * self.held_up

    def wait(self, seconds: float) -> None:
        self._wall += seconds * self.held_up

    @property
    def machine(self) -> Machine:
        return Machine(lambda: self._wall, lambda: self._cpu, lambda units: self.compute(units * 1e-5), self.wait)
