"""The benchmark's own instruments: a load generator that hides no waiting, and a judge that finds answers of the wrong version."""

from __future__ import annotations

import socket
import threading
import time
from array import array
from collections.abc import Iterator

import pytest

from benchmarks.serving import open_loop, swaps
from benchmarks.serving.open_loop import Load, Outcome
from benchmarks.serving.swaps import Change

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"version": 7}'


class Stub:
    """A server that answers on each connection; once, it does nothing at all for ``pause`` seconds."""

    def __init__(self, pause: float = 0.0, answer: bytes = ANSWER) -> None:
        self.pause, self.answer = pause, answer
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.turn = threading.Lock()
        self.asked = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection = self.listening.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                with self.turn:
                    self.asked += 1
                    if self.asked == 20:
                        time.sleep(self.pause)
                if not self.answer:
                    return
                connection.sendall(self.answer)


@pytest.fixture
def stubs() -> Iterator[list[Stub]]:
    made: list[Stub] = []
    yield made
    for stub in made:
        stub.listening.close()


def load(stub: Stub, *, rate: float = 100, seconds: float = 1.0, connections: int = 2) -> Load:
    request = open_loop.http_request("/", b"{}")
    return Load("127.0.0.1", stub.port, [request], rate, seconds, connections, keep=b'"version": ')


def test_every_request_is_sent_and_the_number_in_its_answer_kept(stubs: list[Stub]) -> None:
    stubs.append(Stub())
    outcome = open_loop.run(load(stubs[0]))
    assert (len(outcome.due), outcome.statuses, outcome.errors, set(outcome.kept)) == (100, {200: 100}, 0, {7})


def test_a_server_that_stalls_is_charged_for_what_came_due_meanwhile(stubs: list[Stub]) -> None:
    stubs.append(Stub(pause=0.4))
    latencies = open_loop.run(load(stubs[0])).latencies
    # 100 requests a second come due during 0.4 s; waiting times fall from 0.4 s to nothing.
    assert sum(latency > 0.1 for latency in latencies) >= 25
    assert latencies[-1] > 0.39


def test_lost_connections_and_refusals_are_errors(stubs: list[Stub]) -> None:
    stubs.append(Stub(answer=b""))
    stubs.append(Stub(answer=b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"))
    assert open_loop.run(load(stubs[0], seconds=0.2)).errors == 20
    assert open_loop.run(load(stubs[1], seconds=0.2)).errors == 20


def outcome(*answers: tuple[float, float, int]) -> Outcome:
    """Answers as (sent, received, version)."""
    sent, received, kept = zip(*answers, strict=True)
    return Outcome(
        due=array("d", sent), sent=array("d", sent), received=array("d", received), kept=array("q", kept), statuses={200: len(sent)}
    )


CHANGES = [Change(1, 0.0, 0.0), Change(2, 10.0, 10.1), Change(1, 20.0, 20.1)]


def test_answers_by_live_versions_pass() -> None:
    report = swaps.judge(outcome((9.0, 9.1, 1), (10.05, 10.2, 2), (10.9, 10.95, 1), (11.5, 11.6, 2), (20.2, 20.3, 1)), CHANGES)
    assert report.passed
    assert report.oldest == pytest.approx(0.8)
    assert report.picked_up == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((11.2, 11.3, 1), id="older than a second"),
        pytest.param((9.0, 9.9, 2), id="before its time"),
        pytest.param((21.2, 21.3, 2), id="rolled back a second ago"),
        pytest.param((12.0, 12.1, -1), id="without a version"),
        pytest.param((12.0, 12.1, 3), id="never live"),
    ],
)
def test_an_answer_by_a_version_that_was_not_live_fails(answer: tuple[float, float, int]) -> None:
    good = ((9.0, 9.1, 1), (10.05, 10.2, 2), (20.2, 20.3, 1))
    report = swaps.judge(outcome(*good, answer), CHANGES)
    assert not report.passed
    assert report.wrong + report.unknown == 1


def test_a_change_that_nobody_saw_fails() -> None:
    assert not swaps.judge(outcome((9.0, 9.1, 1), (9.5, 9.6, 1)), CHANGES).passed
