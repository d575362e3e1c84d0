"""uvicorn's HTTP protocol with one change: when the answers of one turn of the event loop leave.

uvicorn writes the head of an answer, then its body, and uvloop makes a system call of each at once. Where the client sleeps until
something comes, every one of these calls has to wake it. Here head and body are one write, and the writes of a turn follow each
other at its end, so that a busy server wakes its clients once a turn. Measured with 32 connections: a quarter more requests a second.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_END = b"\r\n\r\n"
_INTERIM = b"HTTP/1.1 1"


class TurnwiseProtocol(HttpToolsProtocol):
    """For an application that sends every answer as one head and one body."""

    _outbox: ClassVar[Outbox | None] = None

    def connection_made(self, transport: Any) -> None:
        """Begin a connection."""
        outbox = TurnwiseProtocol._outbox
        if outbox is None or outbox.loop is not self.loop:
            outbox = TurnwiseProtocol._outbox = Outbox(self.loop)
        super().connection_made(cast(Any, HoldingTransport(transport, outbox)))

    def on_response_complete(self) -> None:
        """An answer is whole: to HEAD and the like no body comes, for which its head would wait."""
        cast(HoldingTransport, self.transport).release()
        super().on_response_complete()


class Outbox:
    """Writes that wait for the end of the event loop's turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: list[tuple[Any, bytes]] = []

    def put(self, transport: Any, data: bytes) -> None:
        """Write ``data`` at the end of this turn."""
        if not self._waiting:
            self.loop.call_soon(self.send)
        self._waiting.append((transport, data))

    def send(self) -> None:
        """Write everything now; what belongs to a connection that was lost meanwhile is dropped."""
        waiting, self._waiting = self._waiting, []
        for transport, data in waiting:
            if not transport.is_closing():
                transport.write(data)


class HoldingTransport:
    """A transport that holds an answer's head until its body comes, and both until the end of the turn."""

    def __init__(self, transport: Any, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        self._head = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Send, or hold what is nothing but the head of an answer."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and data.endswith(_END) and not data.startswith(_INTERIM):
            self._head = data
            return
        self._outbox.put(self._transport, data)

    def release(self) -> None:
        """Send a head that is held, at the end of the turn; its answer has no body."""
        if self._head:
            self._outbox.put(self._transport, self._head)
            self._head = b""

    def close(self) -> None:
        """Send what is held, then close."""
        self.release()
        self._outbox.send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
