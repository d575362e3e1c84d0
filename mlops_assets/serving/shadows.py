"""The shadow's turn: requests that were answered wait a moment and are scored together on the scoring thread, so that a shadow costs a
fraction of what an answer costs and holds none up."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_assets.serving.errors import RequestError
from mlops_assets.serving.scoring import finite

if TYPE_CHECKING:
    from mlops_assets.serving.batching import ScoringThread
    from mlops_assets.serving.deployment import Deployed, Variant
    from mlops_assets.serving.recording import Recorder
    from mlops_assets.serving.rows import Rows

PAUSE = 0.02
"""Seconds for which answered requests gather."""

TOGETHER = 64
"""Rows after which a group is full: preparing more of them at once would keep an answer waiting."""


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
        thread: scores.
        most_rows: rows that may wait; what comes on top is dropped and counted.
    """

    def __init__(self, recorder: Recorder, thread: ScoringThread, most_rows: int) -> None:
        self.most_rows = most_rows
        self.waiting = 0
        self._recorder = recorder
        self._thread = thread
        self._turns: deque[_Turn] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, deployed: Deployed, shadow: Variant, rows: Rows, ids: Sequence[str], principal: str) -> None:
        """Take a request that was answered."""
        if self.waiting and self.waiting + len(ids) > self.most_rows:
            shadow.stats.dropped += len(ids)
            return
        self._turns.append(_Turn(deployed, shadow, rows, ids, principal))
        self.waiting += len(ids)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def finish(self) -> None:
        """Score what waits."""
        while self._task is not None:
            await self._task

    async def _run(self) -> None:
        await asyncio.sleep(PAUSE)
        try:
            while self._turns:
                await self._score(self._group())
        finally:
            self._task = None

    def _group(self) -> list[_Turn]:
        """The next requests that can be scored in one call."""
        first = self._turns.popleft()
        group, rows = [first], len(first.ids)
        while self._turns and _alike(first, self._turns[0]) and rows + len(self._turns[0].ids) <= TOGETHER:
            group.append(self._turns.popleft())
            rows += len(group[-1].ids)
        self.waiting -= rows
        return group

    async def _score(self, group: Sequence[_Turn]) -> None:
        shadow, begun = group[0].shadow, time.perf_counter()
        try:
            predictions = await self._predictions(group)
        except Exception as error:
            if len(group) > 1:
                for turn in group:
                    await self._score([turn])
                return
            self._recorder.failed(shadow, error.code if isinstance(error, RequestError) else "scoring_failed")
            return
        seconds = time.perf_counter() - begun
        for turn in group:
            shadow.stats.observe(seconds, len(turn.ids))
        done = 0
        for principal, turns in _by_principal(group).items():
            values = [row for turn in turns for row in turn.rows.values]
            ids = [identifier for turn in turns for identifier in turn.ids]
            as_of = [moments for turn in turns for moments in turn.rows.as_of or ()] or None
            found = predictions[done : done + len(ids)]
            self._recorder.write(shadow, values, turns[0].rows.typed, ids, found, principal, seconds, as_of, _text(turns))
            done += len(ids)

    async def _predictions(self, group: Sequence[_Turn]) -> list[Any]:
        """One prediction a row, principals one after another."""
        first, scorer = group[0], group[0].shadow.served.scorer
        if first.rows.typed and first.deployed.uniform:
            matrix = scorer.matrix_of([row for turns in _by_principal(group).values() for turn in turns for row in turn.rows.values])
        else:
            plain = msgspec.to_builtins(list(first.rows.values)) if first.rows.typed else first.rows.values
            matrix = scorer.reader.matrix(first.deployed.known_to(first.shadow, plain))
        found = await self._thread.score(scorer, matrix)
        if not finite(found):
            raise RequestError(500, "no_number", "The shadow gave no number for some row.")
        predictions: list[Any] = found.tolist()
        return predictions


def _alike(one: _Turn, other: _Turn) -> bool:
    same = one.deployed is other.deployed and one.deployed.uniform and one.rows.typed and other.rows.typed
    return same and (one.rows.as_of is None) == (other.rows.as_of is None)


def _text(turns: Sequence[_Turn]) -> bytes | None:
    """The rows of all as one JSON list, if their text is known."""
    texts = [turn.rows.text for turn in turns]
    known = [text[1:-1] for text in texts if text is not None]
    return b"[%s]" % b",".join(known) if len(known) == len(texts) else None


def _by_principal(group: Sequence[_Turn]) -> dict[str, list[_Turn]]:
    found: dict[str, list[_Turn]] = {}
    for turn in group:
        found.setdefault(turn.principal, []).append(turn)
    return found
