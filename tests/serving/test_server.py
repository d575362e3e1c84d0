"""The application in this process: what happens when bodies, estimators, queues and ledgers fail."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from mlops_assets.ledger import LedgerError
from mlops_assets.modeling.requests.errors import RequestError
from mlops_assets.serving.batching import ScoringThread
from mlops_assets.serving.server import Server
from mlops_assets.serving.worker import Worker
from tests.serving.projects import Project, json_rows

pytestmark = pytest.mark.anyio

LINEAR = {"sklearn": "sklearn.linear_model.LogisticRegression"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def running(project: Project, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> AsyncIterator[Server]:
    """The application of a project, without a socket."""
    for name, value in {"serve_anonymous": True, **settings}.items():
        monkeypatch.setenv(f"MLOPS_{name.upper()}", str(value))
    worker = Worker(project.settings)
    worker.start()
    messages: asyncio.Queue[Any] = asyncio.Queue()
    done: asyncio.Queue[Any] = asyncio.Queue()
    lifespan = asyncio.create_task(worker.server({"type": "lifespan"}, messages.get, done.put))
    await messages.put({"type": "lifespan.startup"})
    await done.get()
    try:
        yield worker.server
    finally:
        await messages.put({"type": "lifespan.shutdown"})
        await lifespan


async def ask(server: Server, path: str, content: bytes | None, receive: Callable[[], Awaitable[Any]] | None = None) -> tuple[int, Any]:
    """Status and body of one answer."""
    sent: list[Any] = []

    async def whole() -> Any:
        return {"type": "http.request", "body": content or b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    method = "GET" if content is None and receive is None else "POST"
    await server({"type": "http", "method": method, "path": path, "headers": []}, receive or whole, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


def body(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps({"data": rows}).encode()


async def test_a_body_that_does_not_arrive_is_given_up_and_others_are_answered_meanwhile(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = project.trained()
    project.promoted(bundle)
    async with running(project, monkeypatch, serve_timeout=0.4) as server:
        begun = asyncio.Event()

        async def never() -> Any:
            if not begun.is_set():
                begun.set()
                return {"type": "http.request", "body": b'{"data"', "more_body": True}
            await asyncio.sleep(60)

        slow = asyncio.create_task(ask(server, "/models/m/predict", None, never))
        await begun.wait()
        status, _ = await ask(server, "/models/m/predict", body(json_rows(bundle, 1)))
        assert status == 200
        status, answer = await asyncio.wait_for(slow, 5)
        assert (status, answer["error"]["code"]) == (408, "timeout")


async def test_a_client_that_goes_away_is_no_timeout(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.promoted(project.trained())
    async with running(project, monkeypatch) as server:

        async def gone() -> Any:
            return {"type": "http.disconnect"}

        assert (await ask(server, "/models/m/predict", None, gone))[0] == 400


async def test_a_version_that_fails_to_score_answers_500_and_is_counted(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = project.trained(estimator=LINEAR)
    project.promoted(bundle)
    async with running(project, monkeypatch) as server:
        scorer = server.follower.models["m"].champion.served.scorer
        right = scorer.score_matrix
        for fault, code in ((ZeroDivisionError(), "scoring_failed"), (None, "no_number")):

            def wrong(matrix: np.ndarray, fault: Exception | None = fault) -> np.ndarray:
                if fault is not None:
                    raise fault
                return np.full(len(matrix), np.nan)

            scorer.score_matrix = wrong  # type: ignore[method-assign]
            status, answer = await ask(server, "/models/m/predict", body(json_rows(bundle, 1)))
            assert (status, answer["error"]["code"]) == (500, code)
        scorer.score_matrix = right  # type: ignore[method-assign]
        assert (await ask(server, "/models/m/predict", body(json_rows(bundle, 1))))[0] == 200
        assert server.follower.models["m"].champion.stats.errors == 2


class Slow:
    """An estimator that takes its time, and that one row breaks."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def score_matrix(self, matrix: np.ndarray) -> np.ndarray:
        self.calls.append(len(matrix))
        time.sleep(0.1)
        if (matrix < 0).any():
            raise ValueError("a row that breaks it")
        return matrix[:, 0] * 2


async def test_what_waits_is_scored_together_and_a_bad_row_hurts_its_own_request_alone() -> None:
    thread, slow = ScoringThread(asyncio.get_running_loop(), 100), Slow()
    jobs = [asyncio.create_task(thread.score(slow, np.full((2, 1), float(n if n != 5 else -1)))) for n in range(10)]  # type: ignore[arg-type]
    found = await asyncio.gather(*jobs, return_exceptions=True)
    assert isinstance(found[5], ValueError)
    assert [f.tolist() for n, f in enumerate(found) if n != 5 and isinstance(f, np.ndarray)] == [[2.0 * n] * 2 for n in range(10) if n != 5]
    assert max(slow.calls) >= 18, "they were scored in one call"
    assert thread.waiting == 0
    thread.stop()


async def test_more_rows_than_may_wait_are_turned_away_at_once() -> None:
    thread, slow = ScoringThread(asyncio.get_running_loop(), 5), Slow()
    first = asyncio.create_task(thread.score(slow, np.ones((4, 1))))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    with pytest.raises(RequestError) as caught:
        await thread.score(slow, np.ones((4, 1)))  # type: ignore[arg-type]
    assert (caught.value.status, caught.value.code) == (503, "busy")
    assert len(await first) == 4
    thread.stop()


async def test_scoring_that_takes_too_long_is_given_up(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = project.trained(estimator=LINEAR)
    project.promoted(bundle)
    async with running(project, monkeypatch, serve_timeout=0.3) as server:
        scorer = server.follower.models["m"].champion.served.scorer
        right = scorer.score_matrix

        def late(matrix: np.ndarray) -> np.ndarray:
            time.sleep(1)
            return right(matrix)

        scorer.score_matrix = late  # type: ignore[method-assign]
        status, answer = await ask(server, "/models/m/predict", body(json_rows(bundle, 1)))
        assert (status, answer["error"]["code"]) == (503, "timeout")


async def test_a_shadow_that_falls_behind_loses_rows_and_says_so_and_nobody_waits_for_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = project.trained()
    project.promoted(bundle)
    project.challenged(project.trained(estimator=LINEAR), strategy="shadow", share=0.0)
    monkeypatch.setattr("mlops_assets.serving.shadows.PAUSE", 60)
    async with running(project, monkeypatch) as server:
        shadows, shadow = server.predictor.shadows, server.follower.models["m"].shadow
        assert shadows is not None
        assert shadow is not None
        shadows._most_rows = 4
        for rows in (3, 1, 2, 1):
            assert (await ask(server, "/models/m/predict", body(json_rows(bundle, rows))))[0] == 200
        assert (shadow.stats.rows, shadow.stats.dropped, shadows.waiting) == (0, 3, 4)
        await shadows.finish()
        assert (shadow.stats.rows, shadow.stats.errors, shadows.waiting) == (4, 0, 0)


async def test_a_server_without_champion_is_ready_and_one_that_cannot_load_it_is_not(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = project.trained()
    async with running(project, monkeypatch) as server:
        assert await ask(server, "/health/ready", None) == (200, {"ready": True})
        assert (await ask(server, "/models/m/predict", b"{}"))[0] == 404
    project.promoted(bundle)
    project.store.delete_pointer(f"bundles/{bundle.digest}")
    async with running(project, monkeypatch) as server:
        assert await ask(server, "/health/ready", None) == (503, {"ready": False})
        assert (await ask(server, "/models/m/predict", b"{}"))[0] == 503
        assert await ask(server, "/health/live", None) == (200, {"status": "ok"})


async def test_an_answer_without_a_ledger_is_that_of_the_last_known_state(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = project.trained()
    project.promoted(bundle)
    async with running(project, monkeypatch) as server:

        def gone() -> Any:
            raise LedgerError("the database is away.")

        monkeypatch.setattr(server.follower._ledger, "fold", gone)
        await asyncio.sleep(0.5)
        assert server.follower.errors > 0
        assert (await ask(server, "/models/m/predict", body(json_rows(bundle, 1))))[0] == 200
        monkeypatch.setattr("mlops_assets.serving.follower.LEDGER_LAG", 0.1)
        assert (await ask(server, "/health/ready", None))[0] == 503
