"""Versions change under load: promotions and rollbacks in the ledger while requests come at a fixed rate.

Every answer says which version gave it. It is right if that version was champion at some moment between one second before the request was
sent and the arrival of the answer; anything else is wrong: an older version that a worker still answered with, or one that was not
champion yet. The times of a change are those just before and just after its append returned.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from benchmarks.serving import open_loop
from benchmarks.serving.open_loop import Load, Outcome

ALLOWANCE = 1.0
"""Seconds after a change within which a worker may still answer as before it."""


@dataclass(frozen=True)
class Change:
    """A version became champion at some moment between ``begun`` and ``done`` (seconds of ``time.monotonic``)."""

    version: int
    begun: float
    done: float


@dataclass
class Report:
    """What a run under changes showed.

    Attributes:
        outcome: of the load.
        changes: the first one is the state at the start.
        wrong: answers by a version that was not live at their time.
        unknown: answers without a version.
        oldest: the longest time after a change at which a request was sent that the version before it answered.
        picked_up: for each change, seconds until the first answer by the new version.
    """

    outcome: Outcome
    changes: Sequence[Change]
    wrong: int = 0
    unknown: int = 0
    oldest: float = 0.0
    picked_up: list[float] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """No failed request and no wrong answer, and every change was seen."""
        return not (self.outcome.errors or self.wrong or self.unknown) and len(self.picked_up) == len(self.changes) - 1


def run(load: Load, first: int, steps: Sequence[Callable[[], int]], *, pause: float) -> Report:
    """Send ``load`` from a process of its own and take the ``steps`` meanwhile, ``pause`` seconds apart.

    Args:
        load: keeps the version of each answer; its duration must cover all steps.
        first: the champion at the start.
        steps: each changes the champion and returns its version.
        pause: seconds between the end of one step and the next.
    """
    changes = [Change(first, 0.0, 0.0)]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = pool.submit(open_loop.run, load)
        time.sleep(max(0.5, pause))
        for step in steps:
            begun = time.monotonic()
            version = step()
            changes.append(Change(version, begun, time.monotonic()))
            time.sleep(pause)
        outcome = running.result(timeout=load.seconds + 60)
    return judge(outcome, changes)


def judge(outcome: Outcome, changes: Sequence[Change]) -> Report:
    """Hold every answer against what was live at its time."""
    report = Report(outcome, changes)
    ends = [*(change.done for change in changes[1:]), float("inf")]
    lives: dict[int, list[tuple[float, float]]] = {}
    for change, end in zip(changes, ends, strict=True):
        lives.setdefault(change.version, []).append((change.begun, end))
    seen: dict[int, list[float]] = {}
    for sent, received, version in zip(outcome.sent, outcome.received, outcome.kept, strict=True):
        seen.setdefault(version, []).append(received)
        if version not in lives:
            report.unknown += 1
            continue
        since = [max(0.0, sent - end) for begun, end in lives[version] if begun <= received]
        late = min(since, default=float("inf"))
        report.wrong += late > ALLOWANCE
        report.oldest = max(report.oldest, late if late < float("inf") else 0.0)
    for change, end in zip(changes[1:], ends[1:], strict=True):
        first = min((moment for moment in seen.get(change.version, ()) if change.begun <= moment <= end + ALLOWANCE), default=None)
        if first is not None:
            report.picked_up.append(max(0.0, first - change.done))
    return report
