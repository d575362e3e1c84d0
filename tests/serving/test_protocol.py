"""Answers on the wire: the head leaves with the body, all of a turn together, and what has no body or is broken still arrives."""

from __future__ import annotations

import asyncio
import socket

import pytest

from mlops_assets.serving.turnwise import HoldingTransport, Outbox
from tests.serving.conftest import Deployment


class Wire:
    """A transport that remembers its writes."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.writes.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        pytest.param([HEAD, b"{}"], [HEAD + b"{}"], id="head and body are one"),
        pytest.param([HEAD, b""], [HEAD], id="an answer to HEAD"),
        pytest.param([HEAD, b"{", b"}"], [HEAD + b"{", b"}"], id="a body in parts"),
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n"], [b"HTTP/1.1 100 Continue\r\n\r\n"], id="an interim answer does not wait"),
        pytest.param([HEAD + b"{}", HEAD, b"{}"], [HEAD + b"{}", HEAD + b"{}"], id="an answer in one piece"),
    ],
)
def test_what_is_written_together(given: list[bytes], sent: list[bytes]) -> None:
    async def turn() -> tuple[list[bytes], list[bytes]]:
        wire = Wire()
        transport = HoldingTransport(wire, Outbox(asyncio.get_running_loop()))
        for data in given:
            transport.write(data)
        before = list(wire.writes)
        await asyncio.sleep(0)
        return before, wire.writes

    assert asyncio.run(turn()) == ([], sent)


def test_answers_of_one_turn_leave_in_their_order_and_a_lost_connection_harms_no_other() -> None:
    async def turn() -> tuple[Wire, Wire, Wire]:
        outbox = Outbox(asyncio.get_running_loop())
        wires = (Wire(), Wire(), Wire())
        for wire in wires:
            HoldingTransport(wire, outbox).write(b"answer")
        wires[1].closed = True
        await asyncio.sleep(0)
        return wires

    first, lost, last = asyncio.run(turn())
    assert (first.writes, lost.writes, last.writes) == ([b"answer"], [], [b"answer"])


@pytest.mark.parametrize("held", [pytest.param([HEAD], id="a head alone"), pytest.param([HEAD, b"{}"], id="an answer")])
def test_what_is_held_leaves_before_the_connection_closes(held: list[bytes]) -> None:
    async def turn() -> Wire:
        wire = Wire()
        transport = HoldingTransport(wire, Outbox(asyncio.get_running_loop()))
        for data in held:
            transport.write(data)
        transport.close()
        await asyncio.sleep(0)
        return wire

    wire = asyncio.run(turn())
    assert (wire.writes, wire.closed) == ([b"".join(held)], True)


@pytest.mark.parametrize(
    ("request_", "status", "body"),
    [
        pytest.param(b"HEAD /ping HTTP/1.1\r\nhost: x\r\n\r\n", b"200", b"", id="HEAD"),
        pytest.param(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n", b"404", b"not_found", id="an error"),
        pytest.param(
            b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\nGET /ping HTTP/1.1\r\nhost: x\r\n\r\n",
            b"200",
            b'{"status":"ok"}',
            id="two in one packet",
        ),
    ],
)
def test_answers_of_a_running_server_are_whole_and_leave_before_the_connection_ends(
    deployed: Deployment, request_: bytes, status: bytes, body: bytes
) -> None:
    with connected(deployed) as connection:
        connection.sendall(request_)
        received = _until(connection, request_.count(b"HTTP/1.1"), body)
        connection.sendall(b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b'{"status":"ok"}' in _until(connection, 1, b'{"status":"ok"}')
    assert received.split(b" ", 2)[1] == status
    assert b"\r\n\r\n" in received


def test_what_is_no_http_is_answered_too(deployed: Deployment) -> None:
    with connected(deployed) as connection:
        connection.sendall(b"no request at all\r\n\r\n")
        received = _until(connection, 1, b"Invalid HTTP request")
    assert received.split(b" ", 2)[1] == b"400"


def connected(deployed: Deployment) -> socket.socket:
    host, port = deployed.server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def _until(connection: socket.socket, answers: int, body: bytes) -> bytes:
    """What comes until there are so many answers, each with its body; fails where the connection ends before."""
    received = b""
    while received.count(b"HTTP/1.1 ") < answers or (body and received.count(body) < answers):
        part = connection.recv(65536)
        assert part, received
        received += part
    return received
