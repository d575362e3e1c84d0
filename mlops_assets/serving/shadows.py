"""The shadow's turn. Requests that were answered wait a moment; then single rows are scored one by one between answers, and everything
else on the scoring thread. One after another they cost less than each after its own answer, where two models would push each other out
of the processor's caches, and most answers meet no shadow at all.

What waits is lost when the worker is killed, as the journal's lines of that moment are.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from mlops_assets.modeling.requests.errors import RequestError
from mlops_assets.serving.scoring import finite

if TYPE_CHECKING:
    from mlops_assets.modeling.requests.reader import Rows
    from mlops_assets.serving.batching import ScoringThread
    from mlops_assets.serving.recording import Recorder
    from mlops_assets.serving.routing import Deployed, Variant

PAUSE = 0.1
"""Seconds for which requests gather."""

SHARE = 128
"""One waiting request is taken up in each turn of the event loop, so that an answer is hardly held up; of a long queue one in so many
more, so that a busy server keeps up."""


@dataclass(frozen=True, slots=True)
class _Turn:
    deployed: Deployed
    shadow: Variant
    rows: Rows
    ids: Sequence[str]
    principal: str


class Shadows:
    """Requests that wait for a shadow.

    Args:
        recorder: what the shadow says goes there.
        thread: scores what takes longer.
        most_rows: rows that may wait; what comes on top is dropped and counted.
    """

    def __init__(self, recorder: Recorder, thread: ScoringThread, most_rows: int) -> None:
        self.waiting = 0
        self._most_rows = most_rows
        self._recorder = recorder
        self._thread = thread
        self._turns: deque[_Turn] = deque()
        self._scheduled = False
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, deployed: Deployed, shadow: Variant, rows: Rows, ids: Sequence[str], principal: str) -> None:
        """Take a request that is answered."""
        if self.waiting and self.waiting + len(ids) > self._most_rows:
            shadow.stats.dropped += len(ids)
            return
        self.waiting += len(ids)
        self._turns.append(_Turn(deployed, shadow, rows, ids, principal))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(PAUSE, self._some)

    async def finish(self) -> None:
        """Score what waits."""
        while self._turns:
            self._take()
        await asyncio.gather(*self._tasks)

    def _some(self) -> None:
        for _ in range(min(len(self._turns), 1 + len(self._turns) // SHARE)):
            self._take()
        self._scheduled = bool(self._turns)
        if self._scheduled:
            asyncio.get_running_loop().call_soon(self._some)

    def _take(self) -> None:
        turn = self._turns.popleft()
        alike = turn.rows.typed and turn.deployed.uniform
        if alike and len(turn.ids) == 1 and turn.shadow.served.scorer.single is not None:
            self._one(turn)
            self.waiting -= 1
        else:
            task = asyncio.get_running_loop().create_task(self._several(turn, alike))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _one(self, turn: _Turn) -> None:
        scorer, begun = turn.shadow.served.scorer, time.perf_counter()
        try:
            prediction = scorer.score_row(scorer.reader.encode(turn.rows.values[0]))
        except Exception:
            self._recorder.failed(turn.shadow, "scoring_failed")
        else:
            self._recorder.answered(turn.shadow, turn.rows, turn.ids, None, [prediction], turn.principal, begun)

    async def _several(self, turn: _Turn, alike: bool) -> None:
        shadow, rows, begun = turn.shadow, turn.rows, time.perf_counter()
        scorer = shadow.served.scorer
        try:
            if alike:
                matrix = scorer.reader.typed_matrix(rows.values)
            else:
                plain = msgspec.to_builtins(list(rows.values)) if rows.typed else rows.values
                matrix = scorer.reader.matrix(turn.deployed.known_to(shadow, plain))
            found = await self._thread.score(scorer, matrix)
            if not finite(found):
                raise RequestError(500, "no_number", "The shadow gave no number for some row.")
        except Exception as error:
            self._recorder.failed(shadow, error.code if isinstance(error, RequestError) else "scoring_failed")
        else:
            self._recorder.answered(shadow, rows, turn.ids, None, found.tolist(), turn.principal, begun)
        finally:
            self.waiting -= len(turn.ids)
