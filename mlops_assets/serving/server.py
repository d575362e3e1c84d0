"""The ASGI application: finds the route, asks the gate, and answers. Prediction routes touch no framework between socket and model."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_assets.modeling.requests.errors import RequestError
from mlops_assets.serving.access import Gate, Router
from mlops_assets.serving.bodies import Bodies
from mlops_assets.serving.predicting import Predictor
from mlops_assets.serving.protocols import open_inference
from mlops_assets.serving.protocols.about import About
from mlops_assets.serving.protocols.invocations import Invocations
from mlops_assets.serving.protocols.open_inference import OpenInference
from mlops_assets.serving.protocols.own import OwnProtocol
from mlops_assets.serving.requests import JSON, Call, Handler, Limits, Receive, Reply, Send

if TYPE_CHECKING:
    from mlops_assets.serving.entities import EntityFeatures
    from mlops_assets.serving.follower import Follower
    from mlops_assets.serving.journal import Journal
    from mlops_assets.serving.metrics import Metrics

log = logging.getLogger(__name__)


class Server:
    """The application. ``follower`` and ``journal`` run already; the scoring thread starts with the event loop."""

    def __init__(
        self,
        follower: Follower,
        gate: Gate,
        metrics: Metrics,
        *,
        journal: Journal | None = None,
        limits: Limits | None = None,
        entities: Mapping[str, EntityFeatures] | None = None,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        limits = limits or Limits()
        self.follower = follower
        self.predictor = Predictor(journal, limits)
        self._gate = gate
        self._metrics = metrics
        self._bodies = bodies = Bodies(limits)
        self._router = Router()
        self._on_stop = on_stop
        self.own = OwnProtocol(follower, gate, self.predictor, bodies, limits=limits, entities=entities or {}, journal=journal)
        self._handlers: dict[str, Handler] = {
            **self.own.handlers(),
            **Invocations(follower, gate, self.predictor, bodies).handlers(),
            **OpenInference(follower, self.predictor, bodies).handlers(),
            **About(follower, gate, metrics).handlers(),
        }

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._lifespan(receive, send)
            return
        started = time.perf_counter()
        name, code = "none", None
        try:
            route, parts = self._router.find(scope["method"], scope["path"])
            name = route.name
            actor = None
            if route.roles:
                authorization = None
                for key, value in scope["headers"]:
                    if key == b"authorization":
                        authorization = value
                actor = self._gate.admit(authorization, route, parts.get("model"))
            reply = await self._handlers[name](Call(scope, receive, route, parts, actor, started))
        except RequestError as error:
            code = error.code
            document = open_inference.error_document(error) if scope["path"].startswith(open_inference.PREFIX) else error.to_json()
            reply = Reply(msgspec.json.encode(document), error.status, (JSON, *error.headers))
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            code = "internal"
            body = msgspec.json.encode({"error": {"code": code, "message": "The server failed; its log says why."}})
            reply = Reply(body, 500)
        self._metrics.answered(name, reply.status, code)
        headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.predictor.start(asyncio.get_running_loop())
                watching = asyncio.create_task(self._bodies.watch())
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                watching.cancel()
                await self.predictor.stop()
                self._on_stop()
                await send({"type": "lifespan.shutdown.complete"})
                return
