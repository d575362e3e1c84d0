"""Load at a fixed rate, whatever the server does: request number i is due at start + i / rate.

Latency counts from the moment at which a request was due, not from when it could be sent, so a server that stalls is charged for everything
that came due meanwhile (Tene, "How NOT to Measure Latency": no coordinated omission). One request is under way per connection; a
request that finds no free connection waits, and its waiting counts. Plain sockets and `select`, whose timeout is exact to tens of
microseconds where an event loop's timers round to milliseconds.
"""

from __future__ import annotations

import contextlib
import gc
import select
import socket
import time
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

CONNECTIONS = 64
TIMEOUT = 10.0
"""Seconds after which a request without an answer counts as failed."""


@dataclass
class Load:
    """What to send: complete requests (head and body), one after another and from the beginning again."""

    host: str
    port: int
    requests: Sequence[bytes]
    rate: float
    seconds: float
    connections: int = CONNECTIONS
    keep: bytes = b""
    """Keep, of every answer, the number after this text."""


@dataclass
class Outcome:
    """What came back. Times are seconds of ``time.monotonic``, latencies seconds; index i of all arrays is the same answered request.

    Attributes:
        due, received: when each answered request should have been sent, and when its answer was complete.
        sent: when it was sent.
        kept: the number that stood in the answer; -1 where there was none.
        statuses: answers by status.
        failed: requests without an answer: connection lost or timeout.
        late: the longest that the generator itself was late to look at a request that was due.
    """

    due: array[float] = field(default_factory=lambda: array("d"))
    sent: array[float] = field(default_factory=lambda: array("d"))
    received: array[float] = field(default_factory=lambda: array("d"))
    kept: array[int] = field(default_factory=lambda: array("q"))
    statuses: dict[int, int] = field(default_factory=dict)
    failed: int = 0
    late: float = 0.0

    @property
    def latencies(self) -> list[float]:
        """Seconds from due to received, sorted."""
        return sorted(received - due for due, received in zip(self.due, self.received, strict=True))

    @property
    def errors(self) -> int:
        """Requests that failed or were not answered with 2xx."""
        return self.failed + sum(count for status, count in self.statuses.items() if not 200 <= status < 300)


def http_request(path: str, body: bytes, *, host: str = "127.0.0.1", headers: dict[str, str] | None = None) -> bytes:
    """A complete POST request."""
    fields = {"host": host, "content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    return "".join([f"POST {path} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in fields.items()), "\r\n"]).encode() + body


def run(load: Load) -> Outcome:
    """Send everything that comes due within ``load.seconds`` and wait for the answers."""
    outcome = Outcome()
    connections = [_Connection(load) for _ in range(load.connections)]
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        _drive(load, connections, outcome)
    finally:
        gc.enable()
        gc.unfreeze()
        for connection in connections:
            connection.close()
    return outcome


class _Connection:
    def __init__(self, load: Load) -> None:
        self.load = load
        self.due = self.sent = 0.0
        self.socket: socket.socket | None = None
        self.buffer = b""
        self.missing = 0
        self.open()

    def open(self) -> None:
        self.socket = socket.create_connection((self.load.host, self.load.port), timeout=TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def fileno(self) -> int:
        return self.socket.fileno() if self.socket is not None else -1

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def read(self) -> tuple[int, bytes] | None:
        """Status and body once the answer is complete. Raises ``ConnectionError`` when the connection is lost."""
        assert self.socket is not None
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionResetError
        buffer = self.buffer + received if self.buffer else received
        end = buffer.find(b"\r\n\r\n")
        if end >= 0:
            head = buffer[:end].lower()
            place = head.index(b"content-length:") + 15
            length = int(head[place:].split(b"\r\n", 1)[0])
            if len(buffer) >= end + 4 + length:
                self.buffer = b""
                return int(buffer[9:12]), buffer[end + 4 :]
        self.buffer = buffer
        return None


def _drive(load: Load, connections: list[_Connection], outcome: Outcome) -> None:
    clock = time.monotonic
    free: deque[_Connection] = deque(connections)
    busy: dict[int, _Connection] = {}
    waiting: deque[float] = deque()
    total, number, turn = int(load.rate * load.seconds), 0, 0
    start = clock() + 0.01
    look = start + 1.0
    while True:
        now = clock()
        while number < total and (due := start + number / load.rate) <= now:
            outcome.late = max(outcome.late, now - due)
            waiting.append(due)
            number += 1
        if now >= look:
            look = now + 1.0
            _give_up(busy, free, outcome)
        while waiting and free:
            connection = free.popleft()
            connection.due = waiting.popleft()
            try:
                if connection.socket is None:
                    connection.open()
                assert connection.socket is not None
                connection.sent = clock()
                connection.socket.sendall(load.requests[turn % len(load.requests)])
                busy[connection.fileno()] = connection
            except OSError:
                outcome.failed += 1
                connection.close()
                free.append(connection)
            turn += 1
        if number >= total and not waiting and not busy:
            return
        pause = max(0.0, start + number / load.rate - clock()) if number < total else 1.0
        readable = select.select(list(busy), [], [], min(pause, 1.0))[0]
        for file in readable:
            connection = busy[file]
            try:
                answer = connection.read()
            except OSError:
                outcome.failed += 1
                connection.close()
                answer = None
            if connection.socket is None or answer is not None:
                del busy[file]
                free.append(connection)
            if answer is not None:
                _note(load, outcome, connection, *answer)


def _note(load: Load, outcome: Outcome, connection: _Connection, status: int, body: bytes) -> None:
    outcome.due.append(connection.due)
    outcome.sent.append(connection.sent)
    outcome.received.append(time.monotonic())
    outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
    if load.keep:
        kept = -1
        place = body.find(load.keep)
        if place >= 0:
            with contextlib.suppress(ValueError):
                kept = int(body[place + len(load.keep) :].split(b",", 1)[0].rstrip(b"}"))
        outcome.kept.append(kept)


def _give_up(busy: dict[int, _Connection], free: deque[_Connection], outcome: Outcome) -> None:
    now = time.monotonic()
    for file, connection in list(busy.items()):
        if now - connection.sent > TIMEOUT:
            del busy[file]
            connection.close()
            outcome.failed += 1
            free.append(connection)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that ``share`` of the sorted numbers do not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
