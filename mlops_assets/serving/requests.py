"""A request and its answer as plain data, whatever protocol they belong to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_assets.ledger.actors import Actor
    from mlops_assets.serving.access import Route

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")


@dataclass(frozen=True)
class Limits:
    """What one request may ask for.

    Attributes:
        body: bytes of a body.
        rows: rows of a request.
        waiting: rows that may wait for the scoring thread.
        timeout: seconds for a body to arrive, and for rows to be scored.
    """

    body: int = 10 * 2**20
    rows: int = 10_000
    waiting: int = 100_000
    timeout: float = 10.0


@dataclass(slots=True)
class Call:
    """One request, its route decided and its principal known."""

    scope: Mapping[str, Any]
    receive: Receive
    route: Route
    parts: Mapping[str, str]
    actor: Actor | None
    started: float

    def header(self, name: bytes) -> bytes | None:
        """A header's value."""
        for key, value in self.scope["headers"]:
            if key == name:
                return bytes(value)
        return None

    @property
    def principal(self) -> str:
        """Name of who asks."""
        return self.actor.name if self.actor is not None else "anonymous"


@dataclass(slots=True)
class Reply:
    """What is sent back."""

    body: bytes
    status: int = 200
    headers: Headers = (JSON,)


Handler = Callable[[Call], Awaitable[Reply]]
"""Answers the requests of one route."""


def readiness(ready: bool) -> Reply:
    """Whether a worker can answer: 200, else 503."""
    return Reply(b'{"ready":true}' if ready else b'{"ready":false}', 200 if ready else 503)
