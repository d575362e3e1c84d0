"""Customers of the simulated shop who ask for predictions over HTTP, at a fixed rate whatever the server does.

A process of its own, told what to do by one JSON document a line on standard input:

* ``{"ask": [1, 2, …], "rate": 400}``: from now on these customers ask in turn, so many a second;
* ``{"report": true}``: answers with one line on standard output, what happened since the last report (:class:`Report`);
* the end of input: the process ends.

Request number i is due at its start + i / rate, and its latency counts from then, so that a server that stalls is charged for all that came
due meanwhile. Nothing is asked twice: a request without an answer of status 200 has failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

CONNECTIONS = 8
TIMEOUT = 10.0
QUANTILES = (("p50", 0.5), ("p99", 0.99), ("max", 1.0))


@dataclass
class Report:
    """What happened to requests since the last report.

    Attributes:
        asked: requests that were answered or failed.
        failed: requests that failed, by what came instead of an answer.
        latencies: seconds from due to answered, of those that were answered.
        versions: by version that answered: answers, and when the first and the last came (microseconds since 1970, UTC).
    """

    asked: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    versions: dict[str, list[int]] = field(default_factory=dict)

    def answered(self, version: str, latency: float) -> None:
        """Count an answer that came now."""
        now = time.time_ns() // 1000
        self.asked += 1
        self.latencies.append(latency)
        count, first, _ = self.versions.get(version, [0, now, now])
        self.versions[version] = [count + 1, first, now]

    def lost(self, why: str) -> None:
        """Count a request that failed."""
        self.asked += 1
        self.failed[why] += 1

    def to_json(self) -> dict[str, Any]:
        """As the process writes it: without the latencies themselves, with their quantiles in milliseconds."""
        ordered = sorted(self.latencies)
        quantiles = {name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3 for name, share in QUANTILES if ordered}
        return {"asked": self.asked, "failed": dict(self.failed), "latency_ms": quantiles, "versions": self.versions}


class Traffic:
    """Threads that send what is due, each on a connection of its own."""

    def __init__(self, address: tuple[str, int], path: str, key: str, entity: str) -> None:
        self._address, self._entity = address, entity
        fields = (f"host: {address[0]}", f"authorization: Bearer {key}", "content-type: application/json", "content-length: ")
        self._head = "\r\n".join((f"POST {path} HTTP/1.1", *fields))
        self._lock = threading.Lock()
        self._begun, self._number, self._rate = 0.0, 0, 0.0
        self._customers: Sequence[Any] = ()
        self._report = Report()
        self._changed = threading.Condition(self._lock)
        for _ in range(CONNECTIONS):
            threading.Thread(target=self._send, daemon=True).start()

    def ask(self, customers: Sequence[Any], rate: float) -> None:
        """Let these customers ask in turn, ``rate`` a second, from now on."""
        with self._changed:
            self._customers, self._rate, self._begun, self._number = customers, rate, time.monotonic(), 0
            self._changed.notify_all()

    def report(self) -> Report:
        """What happened since the last time."""
        with self._lock:
            report, self._report = self._report, Report()
        return report

    def _next(self) -> tuple[float, bytes]:
        """When the next request is due, and the request."""
        with self._changed:
            while not self._customers or not self._rate:
                self._changed.wait()
            due = self._begun + self._number / self._rate
            customer = self._customers[self._number % len(self._customers)]
            self._number += 1
        body = json.dumps({"data": [{self._entity: customer}]}).encode()
        return due, f"{self._head}{len(body)}\r\n\r\n".encode() + body

    def _send(self) -> None:
        connection: socket.socket | None = None
        while True:
            due, request = self._next()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if connection is None:
                    connection = socket.create_connection(self._address, timeout=TIMEOUT)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(request)
                status, body = _answer(connection)
                version = str(json.loads(body)["version"]) if status == 200 else ""
            except (OSError, ValueError, KeyError) as error:
                if connection is not None:
                    connection.close()
                    connection = None
                status, version, body = 0, "", f"{type(error).__name__}: {error}".encode()
            with self._lock:
                if status == 200:
                    self._report.answered(version, time.monotonic() - due)
                else:
                    self._report.lost(f"{status or 'no answer'}: {body[:200].decode(errors='replace')}")


def _answer(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of one answer of known length."""
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _more(connection)
    head = received[:end].lower()
    length = int(head[head.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0])
    while len(received) < end + 4 + length:
        received += _more(connection)
    return int(received[9:12]), received[end + 4 :]


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise ConnectionResetError("the connection was closed")
    return received


def main() -> None:
    """Entry point of the process. The key is in the environment variable MLOPS_KEY."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--entity", required=True)
    given = parser.parse_args()
    traffic = Traffic((given.host, given.port), given.path, os.environ["MLOPS_KEY"], given.entity)
    with contextlib.suppress(KeyboardInterrupt):
        for line in sys.stdin:
            command = json.loads(line)
            if "ask" in command:
                traffic.ask(command["ask"], command["rate"])
            else:
                print(json.dumps(traffic.report().to_json()), flush=True)


if __name__ == "__main__":
    main()
