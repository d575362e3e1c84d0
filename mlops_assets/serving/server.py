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
from mlops_assets.modeling.signature import InputProblem
from mlops_assets.serving import feedback, forms, open_inference
from mlops_assets.serving.access import Gate, Route, Router
from mlops_assets.serving.errors import RequestError, invalid_rows
from mlops_assets.serving.predicting import NotTyped, Predictor, Scored
from mlops_assets.serving.rows import Rows, read_document, text_of_rows

if TYPE_CHECKING:
    from mlops_assets.ledger.actors import Actor
    from mlops_assets.serving.deployment import Deployed, Variant
    from mlops_assets.serving.entities import EntityFeatures, Freshness
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
        self.follower = follower
        self.gate = gate
        self.metrics = metrics
        self.journal = journal
        self.limits = limits or Limits()
        self.entities = entities or {}
        self.feature_age: dict[str, float] = {}
        self.stale_rows: dict[str, int] = {}
        self.predictor = Predictor(journal, self.limits.timeout)
        self._router = Router()
        self._reading: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
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
            "feedback": self._feedback,
            "openapi": self._openapi,
            "page": self._page,
            "v2": self._v2,
            "v2_live": self._v2_live,
            "v2_ready": self._ready,
            "v2_model": self._v2_model,
            "v2_version": self._v2_model,
            "v2_model_ready": self._v2_model_ready,
            "v2_version_ready": self._v2_model_ready,
            "v2_infer": self._v2_infer,
            "v2_version_infer": self._v2_infer,
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
            document = error.to_json()
            if scope["path"].startswith("/v2"):
                # The Open Inference Protocol wants a text under the key error.
                document = {"error": error.message, **{key: value for key, value in document["error"].items() if key != "message"}}
            reply = Reply(msgspec.json.encode(document), error.status, (JSON, *error.headers))
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            code = "internal"
            body = msgspec.json.encode({"error": {"code": code, "message": "The server failed; its log says why."}})
            reply = Reply(body, 500)
        self.metrics.answered(name, reply.status, code)
        headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.predictor.start(asyncio.get_running_loop(), self.limits.waiting)
                watching = asyncio.create_task(self._watch_bodies())
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                watching.cancel()
                await self.predictor.stop()
                self._on_stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _predict(self, call: Call) -> Reply:
        deployed = self._deployed(call.parts["model"])
        body = await self._body(call)
        scored, freshness = None, None
        if deployed.uniform:
            try:
                values = deployed.champion.served.scorer.reader.decode(body).data
            except ValueError:
                values = None
            if values:
                text = text_of_rows(body) if self.journal is not None else None
                scored = await self._score(call, deployed, Rows(values, True, text=text))
        if scored is None:
            rows, freshness = self._plain_rows(deployed, body)
            scored = await self._score(call, deployed, rows)
        classes = self._classes(deployed)
        features = freshness.to_json() if freshness is not None else None
        return Reply(forms.own_answer(deployed.model, scored, classes, features))

    def _plain_rows(self, deployed: Deployed, body: bytes) -> tuple[Rows, Freshness | None]:
        """Rows of a body that does not hold typed rows alone, with the features of those that name an entity."""
        entities = self.entities.get(deployed.model)
        if entities is None:
            return Rows(forms.own_rows(read_document(body)[0]), False), None
        try:
            values: list[Any] = entities.decode(body)
            asking = list(range(len(values)))
        except ValueError:
            values = forms.own_rows(read_document(body)[0])
            asking = [index for index, row in enumerate(values) if entities.asks(row)]
        if not asking or len(values) > self.limits.rows:
            return Rows(values, False), None
        names = list(dict.fromkeys(name for v in deployed.variants() for name in v.served.scorer.reader.names))
        try:
            completed, freshness = entities.complete([values[index] for index in asking], names)
        except RequestError as error:
            problems = [InputProblem(None if p.row is None else asking[p.row], p.field, p.message) for p in error.problems]
            raise invalid_rows(problems) if problems else error from None
        as_of: list[Mapping[str, int]] = [{} for _ in values]
        for index, row, moments in zip(asking, completed, freshness.rows, strict=True):
            values[index], as_of[index] = row, moments
        self.feature_age[deployed.model] = freshness.age
        if freshness.stale:
            self.stale_rows[deployed.model] = self.stale_rows.get(deployed.model, 0) + len(asking)
        if deployed.uniform and len(asking) == len(values):
            typed = deployed.champion.served.scorer.reader.typed(values)
            if typed is not None:
                return Rows(typed, True, as_of), freshness
        return Rows(values, False, as_of), freshness

    async def _invocations(self, call: Call) -> Reply:
        deployed = self._deployed(call.parts.get("model") or self._default_model(call))
        body = await self._body(call)
        names = deployed.champion.served.scorer.reader.names
        document, plain = read_document(body)
        scored = await self._score(call, deployed, _rows(deployed, forms.mlflow_rows(document, names), plain))
        return Reply(forms.mlflow_answer(scored))

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
        try:
            return await self.predictor.score(deployed, rows, call.principal, call.started, routing=routing, pinned=pinned)
        except NotTyped:
            plain = Rows(msgspec.to_builtins(rows.values), False, rows.as_of)
            return await self.predictor.score(deployed, plain, call.principal, call.started, routing=routing, pinned=pinned)

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

    async def _watch_bodies(self) -> None:
        """Give bodies up that do not arrive."""
        pause = min(1.0, self.limits.timeout / 4)
        while True:
            await asyncio.sleep(pause)
            now = time.perf_counter()
            for task in [task for task, started in self._reading.items() if now - started > self.limits.timeout]:
                if task not in self._late:
                    self._late.add(task)
                    task.cancel()

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

    async def _feedback(self, call: Call) -> Reply:
        deployed = self._deployed(call.parts["model"])
        bundle = deployed.champion.served.scorer.bundle
        outcomes = feedback.read_outcomes(read_document(await self._body(call))[0], bundle.task, bundle.classes, self.limits.rows)
        if self.journal is None:
            raise RequestError(503, "no_journal", "This server keeps no journal, so outcomes go nowhere.")
        feedback.record(self.journal, deployed.model, outcomes, call.principal)
        return Reply(msgspec.json.encode({"accepted": len(outcomes)}), 202)

    async def _openapi(self, call: Call) -> Reply:
        from mlops_assets.serving.openapi import openapi

        assert call.actor is not None
        visible = {model: self.follower.models[model] for model in self._visible(call.actor)}
        bundles = {model: [v.served.scorer.bundle for v in deployed.answering()] for model, deployed in visible.items()}
        return Reply(msgspec.json.encode(openapi(bundles)))

    async def _page(self, call: Call) -> Reply:
        from mlops_assets.serving.page import PAGE

        policy = b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
        return Reply(PAGE, headers=((b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", policy)))

    async def _v2(self, call: Call) -> Reply:
        return Reply(msgspec.json.encode(open_inference.server_metadata()))

    async def _v2_live(self, call: Call) -> Reply:
        return Reply(b'{"live":true}')

    async def _v2_model(self, call: Call) -> Reply:
        deployed = self._deployed(call.parts["model"])
        variant = self._pinned(deployed, call.parts) or deployed.champion
        versions = [other.served.number for other in deployed.answering()]
        return Reply(msgspec.json.encode(open_inference.model_metadata(deployed.model, variant.served.scorer.bundle, versions)))

    async def _v2_model_ready(self, call: Call) -> Reply:
        deployed = self._deployed(call.parts["model"])
        self._pinned(deployed, call.parts)
        return Reply(msgspec.json.encode({"name": deployed.model, "ready": True}))

    async def _v2_infer(self, call: Call) -> Reply:
        deployed = self._deployed(call.parts["model"])
        pinned = self._pinned(deployed, call.parts)
        body = await self._body(call)
        inference = open_inference.read_inference(body, call.header(open_inference.HEADER_LENGTH))
        scored = await self._score(call, deployed, _rows(deployed, inference.rows, inference.plain), pinned)
        return Reply(open_inference.answer(deployed.model, scored, inference))

    def _pinned(self, deployed: Deployed, parts: Mapping[str, str]) -> Variant | None:
        """The live version that a path names, if it names one."""
        wanted = parts.get("version")
        if wanted is None:
            return None
        for variant in deployed.answering():
            if str(variant.served.number) == wanted:
                return variant
        raise RequestError(404, "unknown_version", f"{deployed.model} has no live version of this number.")

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


def _rows(deployed: Deployed, values: list[Any], plain: bool) -> Rows:
    """Rows of another protocol, typed where they are right and all live versions take the same."""
    typed = deployed.champion.served.scorer.reader.typed(values) if plain and deployed.uniform else None
    return Rows(values, False) if typed is None else Rows(typed, True)


def _too_large(limit: int) -> RequestError:
    return RequestError(413, "body_too_large", f"The body is larger than {limit} bytes.", headers=[(b"connection", b"close")])


def server_version() -> str:
    """Version of this software."""
    return mlops_assets.__version__
