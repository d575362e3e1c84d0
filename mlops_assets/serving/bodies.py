"""Bodies of requests: read whole, up to a size, and given up when they do not arrive in time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.requests.errors import RequestError

if TYPE_CHECKING:
    from mlops_assets.serving.requests import Call, Limits

_READABLE = (b"", b"application/json", b"application/octet-stream", b"application/x-www-form-urlencoded", b"text/plain")
"""Content types that may hold JSON; the second last is what curl sends unless told otherwise."""


class Bodies:
    """The bodies that one event loop is reading."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._reading: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()

    async def read(self, call: Call) -> bytes:
        """The whole body.

        Raises:
            RequestError: 400, 408, 413 or 415.
        """
        limit = self._limits.body
        for key, value in call.scope["headers"]:
            if key == b"content-length" and int(value) > limit:
                raise _too_large(limit)
            if key == b"content-type" and value != b"application/json" and value.partition(b";")[0].strip().lower() not in _READABLE:
                raise RequestError(415, "unsupported_media_type", "The body must be application/json.")
        # A timer for each body would cost a tenth of a request; one task looks after all of them.
        task = asyncio.current_task()
        assert task is not None
        self._reading[task] = call.started
        try:
            message = await call.receive()
            body: bytes = message.get("body", b"")
            if message.get("more_body"):
                chunks, size = [body], len(body)
                while message.get("more_body"):
                    message = await call.receive()
                    chunks.append(message.get("body", b""))
                    size += len(chunks[-1])
                    if size > limit:
                        raise _too_large(limit)
                body = b"".join(chunks)
        except asyncio.CancelledError:
            if task in self._late:
                task.uncancel()
                raise RequestError(408, "timeout", "The body did not arrive in time.", headers=[(b"connection", b"close")]) from None
            raise
        finally:
            del self._reading[task]
            self._late.discard(task)
        if message["type"] == "http.disconnect":
            raise RequestError(400, "disconnected", "The body did not arrive.")
        return body

    async def watch(self) -> None:
        """Give bodies up that do not arrive, until cancelled."""
        pause = min(1.0, self._limits.timeout / 4)
        while True:
            await asyncio.sleep(pause)
            now = time.perf_counter()
            for task in [task for task, started in self._reading.items() if now - started > self._limits.timeout]:
                if task not in self._late:
                    self._late.add(task)
                    task.cancel()


def _too_large(limit: int) -> RequestError:
    return RequestError(413, "body_too_large", f"The body is larger than {limit} bytes.", headers=[(b"connection", b"close")])
