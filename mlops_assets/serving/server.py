"""The ASGI application: finds the route, asks the gate, and answers. Prediction routes touch no framework between socket and model."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

import mlops_assets
from mlops_assets.serving import forms
from mlops_assets.serving.access import Gate, Route, Router
from mlops_assets.serving.batching import ScoringThread
from mlops_assets.serving.errors import RequestError
from mlops_assets.serving.predicting import NotTyped, Predictor, Rows, Scored
from mlops_assets.serving.rows import read_json

if TYPE_CHECKING:
    from mlops_assets.governance.principals import Actor
    from mlops_assets.serving.deployment import Deployed, Variant
    from mlops_assets.serving.follower import Follower
    from mlops_assets.serving.journal import Journal
    from mlops_assets.serving.metrics import Metrics

log = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
LEDGER_LAG = 30.0
"""Seconds without reading the ledger after which the server says that it is not ready."""

_READABLE = (b"", b"application/json", b"application/octet-stream", b"application/x-www-form-urlencoded", b"text/plain")
"""Content types that may hold JSON; the second last is what curl sends unless told otherwise."""


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
        return self.actor.name if self.actor is not None else "anonymous"


@dataclass(slots=True)
class Reply:
    """What is sent back."""

    body: bytes
    status: int = 200
    headers: Headers = (JSON,)
    after: Callable[[], None] | None = None


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
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self.follower = follower
        self.gate = gate
        self.metrics = metrics
        self.journal = journal
        self.limits = limits or Limits()
        self.predictor = Predictor(journal, self.limits.timeout)
        self._router = Router()
        self._on_stop = on_stop
        self._handlers: dict[str, Callable[[Call], Awaitable[Reply]]] = {
            "predict": self._predict,
            "invocations": self._invocations,
            "model_invocations": self._invocations,
            "ping": self._ping,
            "version": self._version,
            "live": self._ping,
            "ready": self._ready,
            "metrics": self._metrics,
            "models": self._models,
            "model": self._model,
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
                actor = self.gate.admit(authorization, route, parts.get("model"))
            reply = await self._handlers[name](Call(scope, receive, route, parts, actor, started))
        except RequestError as error:
            code = error.code
            reply = Reply(msgspec.json.encode(error.to_json()), error.status, (JSON, *error.headers))
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            code = "internal"
            body = msgspec.json.encode({"error": {"code": code, "message": "The server failed; its log says why."}})
            reply = Reply(body, 500)
        self.metrics.answered(name, reply.status, code)
        headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})
        if reply.after is not None:
            reply.after()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.predictor.thread = ScoringThread(asyncio.get_running_loop(), self.limits.waiting)
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self.predictor.thread is not None:
                    self.predictor.thread.stop()
                self._on_stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _predict(self, call: Call) -> Reply:
        deployed = self._deployed(call.parts["model"])
        body = await self._body(call)
        scored = None
        if deployed.uniform:
            try:
                values = deployed.champion.served.scorer.reader.decode(body).data
            except ValueError:
                values = None
            if values:
                try:
                    scored = await self._score(call, deployed, Rows(values, True))
                except NotTyped:
                    scored = None
        if scored is None:
            scored = await self._score(call, deployed, Rows(forms.own_rows(read_json(body)), False))
        classes = self._classes(deployed)
        return Reply(forms.own_answer(deployed.model, scored, classes, None), after=scored.after)

    async def _invocations(self, call: Call) -> Reply:
        deployed = self._deployed(call.parts.get("model") or self._default_model(call))
        body = await self._body(call)
        names = deployed.champion.served.scorer.reader.names
        scored = await self._score(call, deployed, Rows(forms.mlflow_rows(read_json(body), names), False))
        return Reply(forms.mlflow_answer(scored), after=scored.after)

    async def _score(self, call: Call, deployed: Deployed, rows: Rows, pinned: Variant | None = None) -> Scored:
        count = len(rows.values)
        if count == 0:
            raise RequestError(422, "no_rows", "There is no row to score.")
        if count > self.limits.rows:
            raise RequestError(413, "too_many_rows", f"{count} rows are more than the {self.limits.rows} that a request may hold.")
        routing = None
        if deployed.challenger is not None:
            given = call.header(b"x-routing-key")
            routing = None if given is None else given.decode("utf-8", "replace")
        return await self.predictor.score(deployed, rows, call.principal, call.started, routing=routing, pinned=pinned)

    def _deployed(self, model: str) -> Deployed:
        deployed = self.follower.models.get(model)
        if deployed is None:
            if model in self.follower.problems:
                message = f"{model} cannot answer now: what should serve cannot be loaded."
                raise RequestError(503, "not_ready", message, headers=[(b"retry-after", b"1")])
            raise RequestError(404, "unknown_model", "No model of this name is deployed here.")
        return deployed

    def _default_model(self, call: Call) -> str:
        given = call.header(b"x-model")
        assert call.actor is not None
        if given is None:
            visible = self._visible(call.actor)
            if len(visible) != 1:
                raise RequestError(400, "which_model", "Name the model: header X-Model, or POST /models/{model}/invocations.")
            return visible[0]
        model = given.decode("utf-8", "replace")
        if not self.gate.sees(call.actor, model):
            raise RequestError(403, "forbidden", "The key is for other models.")
        return model

    def _visible(self, actor: Actor) -> list[str]:
        return [model for model in sorted(self.follower.models) if self.gate.sees(actor, model)]

    def _classes(self, deployed: Deployed) -> Sequence[Any] | None:
        bundle = deployed.champion.served.scorer.bundle
        return bundle.classes if bundle.task == "multiclass_classification" else None

    async def _body(self, call: Call) -> bytes:
        """The whole body.

        Raises:
            RequestError: 408, 413 or 415.
        """
        limit = self.limits.body
        for key, value in call.scope["headers"]:
            if key == b"content-length" and int(value) > limit:
                raise _too_large(limit)
            if key == b"content-type" and value != b"application/json" and value.partition(b";")[0].strip().lower() not in _READABLE:
                raise RequestError(415, "unsupported_media_type", "The body must be application/json.")
        try:
            async with asyncio.timeout(self.limits.timeout):
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
        except TimeoutError:
            raise RequestError(408, "timeout", "The body did not arrive in time.", headers=[(b"connection", b"close")]) from None
        if message["type"] == "http.disconnect":
            raise RequestError(400, "disconnected", "The body did not arrive.")
        return body

    async def _ping(self, call: Call) -> Reply:
        return Reply(b'{"status":"ok"}')

    async def _version(self, call: Call) -> Reply:
        from importlib.metadata import version

        return Reply(version("mlflow").encode(), headers=((b"content-type", b"text/plain; charset=utf-8"),))

    async def _ready(self, call: Call) -> Reply:
        ready = self.ready()
        return Reply(msgspec.json.encode({"ready": ready}), 200 if ready else 503)

    def ready(self) -> bool:
        """Whether every deployed model can answer and the ledger is followed."""
        follower = self.follower
        waiting = [model for model in follower.problems if model not in follower.models]
        return not waiting and follower.lag < LEDGER_LAG

    async def _metrics(self, call: Call) -> Reply:
        return Reply(self.metrics.render(), headers=((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),))

    async def _models(self, call: Call) -> Reply:
        assert call.actor is not None
        models = [self._summary(self.follower.models[model]) for model in self._visible(call.actor)]
        return Reply(msgspec.json.encode({"schema": 1, "models": models}))

    async def _model(self, call: Call) -> Reply:
        deployed = self._deployed(call.parts["model"])
        reader = deployed.champion.served.scorer.reader
        features = [{"name": f.name, "type": f.type, "nullable": f.nullable} for f in reader.signature.features]
        detail = {"schema": 1, **self._summary(deployed), "entity": list(reader.entity), "features": features}
        return Reply(msgspec.json.encode(detail))

    def _summary(self, deployed: Deployed) -> dict[str, Any]:
        return {
            "model": deployed.model,
            "environment": self.follower.environment,
            "task": deployed.champion.served.scorer.bundle.task,
            "version": deployed.champion.served.number,
            "sequence": deployed.sequence,
            "problem": self.follower.problems.get(deployed.model),
            "variants": [
                {
                    "variant": variant.name,
                    "version": variant.served.number,
                    "bundle": variant.served.bundle,
                    "share": self._share(deployed, variant),
                    "path": variant.served.scorer.path,
                    "compared_rows": variant.served.scorer.compared,
                    "note": variant.served.scorer.note,
                }
                for variant in deployed.variants()
            ],
        }

    def _share(self, deployed: Deployed, variant: Variant) -> float:
        if variant.name == "shadow":
            return 0.0
        challenger = deployed.share if deployed.challenger is not None else 0.0
        return challenger if variant.name == "challenger" else 1 - challenger


def _too_large(limit: int) -> RequestError:
    return RequestError(413, "body_too_large", f"The body is larger than {limit} bytes.", headers=[(b"connection", b"close")])


def server_version() -> str:
    """Version of this software."""
    return mlops_assets.__version__
