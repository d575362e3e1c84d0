"""Messages reach a real HTTP endpoint and a real SMTP server; a dead channel is tried again, reported, and blocks nothing."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mlops_assets.monitoring.alerts.channels import deliver
from mlops_assets.monitoring.alerts.message import Message

MESSAGE = Message("FIRING: churn (prod): error_rate above 0.05", "error_rate is 0.12\n\n  mlops status churn", "failure")


@contextmanager
def http_endpoint(failing: int = 0) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook that refuses the first ``failing`` requests."""
    taken: list[dict[str, Any]] = []
    left = [failing]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            left[0] -= 1
            if left[0] < 0:
                taken.append(json.loads(body))
            self.send_response(200 if left[0] < 0 else 503)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"json://127.0.0.1:{server.server_port}/hook", taken
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def smtp_server() -> Iterator[tuple[str, list[str]]]:
    taken: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            def say(line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

            say("220 localhost test")
            while line := self.rfile.readline():
                verb = line.decode().strip().upper()
                if verb.startswith("EHLO"):
                    say("250-localhost")
                    say("250 8BITMIME")
                elif verb == "DATA":
                    say("354 go on")
                    lines = []
                    while (part := self.rfile.readline()) not in (b".\r\n", b""):
                        lines.append(part.decode())
                    taken.append("".join(lines))
                    say("250 taken")
                elif verb == "QUIT":
                    say("221 bye")
                    return
                else:
                    say("250 ok")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"mailto://127.0.0.1:{server.server_address[1]}?from=alerts@example.org&to=team@example.org&format=text", taken
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def dead() -> str:
    """A URL where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"json://user:secret-password@127.0.0.1:{free.getsockname()[1]}/"


def test_a_message_reaches_a_webhook_and_a_mailbox() -> None:
    with http_endpoint() as (hook, posted), smtp_server() as (mail, mailed):
        found = deliver(MESSAGE, ["chat", "mail", "chat"], {"chat": hook, "mail": mail}, pause=0.01)
    assert [(d.channel, d.delivered, d.attempts, d.error) for d in found] == [("chat", True, 1, None), ("mail", True, 1, None)]
    assert [body["title"] for body in posted] == [MESSAGE.title]
    assert "mlops status churn" in posted[0]["message"]
    assert len(mailed) == 1
    assert "Subject: FIRING: churn" in mailed[0]
    assert "mlops status churn" in mailed[0]


def test_a_channel_that_fails_for_a_while_is_tried_again() -> None:
    with http_endpoint(failing=2) as (hook, posted):
        found = deliver(MESSAGE, ["chat"], {"chat": hook}, pause=0.01)
    assert [(d.delivered, d.attempts) for d in found] == [(True, 3)]
    assert len(posted) == 1


def test_a_dead_channel_is_reported_without_its_secret_and_blocks_no_other(dead: str) -> None:
    with http_endpoint() as (hook, posted):
        found = deliver(MESSAGE, ["pager", "chat"], {"chat": hook, "pager": dead}, pause=0.01)
    assert [(d.channel, d.delivered, d.attempts) for d in found] == [("pager", False, 3), ("chat", True, 1)]
    assert found[0].error == "JSON did not take it"
    assert len(posted) == 1


def test_a_channel_that_hangs_is_given_up_at_the_deadline() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        url = f"json://127.0.0.1:{silent.getsockname()[1]}/?rto=3&cto=3"
        start = time.monotonic()
        found = deliver(MESSAGE, ["slow"], {"slow": url}, attempts=1, deadline=0.3)
    assert time.monotonic() - start < 2
    assert not found[0].delivered
    assert "0.3 seconds" in str(found[0].error)


def test_a_channel_that_is_not_set_up_is_reported_with_the_near_name() -> None:
    found = deliver(MESSAGE, ["on-call", "odd"], {"oncall": "json://127.0.0.1", "odd": "nonsense"})
    assert not any(d.delivered for d in found)
    assert "did you mean 'oncall'" in str(found[0].error)
    assert "none that Apprise knows" in str(found[1].error)


def test_nobody_to_tell_is_nothing_to_do() -> None:
    assert deliver(MESSAGE, [], {}) == []
