"""One thread that scores what cannot be scored on the event loop: whatever has queued up is scored together, without waiting for more."""

from __future__ import annotations

import asyncio
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.requests.errors import RequestError

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.serving.scoring import Scorer

TOGETHER = 4096
"""Most rows that are scored in one call."""


@dataclass(frozen=True, slots=True)
class _Job:
    scorer: Scorer
    matrix: np.ndarray
    future: asyncio.Future[Any]


class ScoringThread:
    """Scores matrices in the order in which they come; jobs of one version that wait together are one call.

    Args:
        loop: where answers go.
        most_rows: rows that may wait; with more, a request is turned away at once.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, most_rows: int) -> None:
        self._loop = loop
        self.most_rows = most_rows
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)
        self.waiting = 0
        self._thread.start()

    async def score(self, scorer: Scorer, matrix: np.ndarray) -> np.ndarray:
        """The numbers of ``matrix``.

        Raises:
            RequestError: 503 when too much waits.
            Exception: whatever the estimator raised for these rows; other requests are not touched by it.
        """
        rows = len(matrix)
        if self.waiting and self.waiting + rows > self.most_rows:
            raise RequestError(503, "busy", "Too many rows wait to be scored.", headers=[(b"retry-after", b"1")])
        future: asyncio.Future[np.ndarray] = self._loop.create_future()
        self.waiting += rows
        self._jobs.put(_Job(scorer, matrix, future))
        try:
            return await future
        finally:
            self.waiting -= rows

    def stop(self) -> None:
        """Finish what waits, then end."""
        self._jobs.put(None)
        self._thread.join(5)

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            jobs, rows, ending = [first], len(first.matrix), False
            while rows < TOGETHER:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    ending = True
                    break
                jobs.append(job)
                rows += len(job.matrix)
            by_version: dict[int, list[_Job]] = {}
            for job in jobs:
                by_version.setdefault(id(job.scorer), []).append(job)
            answers = [answer for group in by_version.values() for answer in _score(group)]
            self._loop.call_soon_threadsafe(_answer, answers)
            if ending:
                return


def _score(jobs: list[_Job]) -> list[tuple[_Job, Any]]:
    import numpy as np

    scorer = jobs[0].scorer
    try:
        matrix = jobs[0].matrix if len(jobs) == 1 else np.concatenate([job.matrix for job in jobs])
        found = scorer.score_matrix(matrix)
    except Exception as error:
        return [(jobs[0], error)] if len(jobs) == 1 else [answer for job in jobs for answer in _score([job])]
    ends = np.cumsum([len(job.matrix) for job in jobs])[:-1]
    return list(zip(jobs, np.split(found, ends), strict=True))


def _answer(answers: list[tuple[_Job, Any]]) -> None:
    for job, answer in answers:
        if job.future.done():
            continue
        if isinstance(answer, Exception):
            job.future.set_exception(answer)
        else:
            job.future.set_result(answer)
