"""Who may do what: one table of routes and roles decides every request, and nothing else does.

A route without roles is public. An admin may do everything within the scopes of the key. A key that is limited to one model sees and
calls that model alone, and cannot tell whether others exist.

A key comes as ``Authorization: Bearer KEY``. Clients that know no such header, as MLflow's own, give it as the password of a URL
(``http://key:KEY@host``), which arrives as ``Authorization: Basic`` and is the same key.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mlops_assets.governance.principals import KeyRefused, authenticate
from mlops_assets.ledger.actors import Actor, Key
from mlops_assets.ledger.events import read_time
from mlops_assets.modeling.requests.errors import RequestError

CALLERS = ("caller",)
READERS = ("viewer", "caller", "operator", "approver")
WATCHERS = ("viewer", "operator")
PUBLIC: tuple[str, ...] = ()

ANONYMOUS = Actor("anonymous", frozenset(("caller", "viewer")), ("*/*",), "anonymous")
"""Who a request without a key is where the settings allow such requests."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the server.

    Attributes:
        name: stable name; metrics and the OpenAPI document use it.
        method, path: what it answers to; ``{model}`` and ``{version}`` stand for one part of the path.
        roles: any of which may use it; empty: everybody.
        summary: one line for the document.
        listing: answers about whatever is in the key's scopes, so it needs no scope over everything.
    """

    name: str
    method: str
    path: str
    roles: tuple[str, ...]
    summary: str
    listing: bool = False


ROUTES: tuple[Route, ...] = (
    Route("predict", "POST", "/models/{model}/predict", CALLERS, "Predictions for rows of features, or for entities by their key."),
    Route("feedback", "POST", "/models/{model}/feedback", CALLERS, "Outcomes of predictions, by prediction id."),
    Route("models", "GET", "/models", READERS, "Models that are deployed here.", listing=True),
    Route("model", "GET", "/models/{model}", READERS, "What of a model is live, how it is scored, and what it takes."),
    Route(
        "invocations",
        "POST",
        "/invocations",
        CALLERS,
        "MLflow's scoring protocol; the model by header X-Model, or the only one.",
        listing=True,
    ),
    Route("model_invocations", "POST", "/models/{model}/invocations", CALLERS, "MLflow's scoring protocol for one model."),
    Route("ping", "GET", "/ping", PUBLIC, "MLflow's health check."),
    Route("version", "GET", "/version", PUBLIC, "Version of MLflow whose scoring protocol this is."),
    Route("v2", "GET", "/v2", PUBLIC, "Open Inference Protocol: the server."),
    Route("v2_live", "GET", "/v2/health/live", PUBLIC, "Open Inference Protocol: the server runs."),
    Route("v2_ready", "GET", "/v2/health/ready", PUBLIC, "Open Inference Protocol: the server can answer."),
    Route("v2_model", "GET", "/v2/models/{model}", READERS, "Open Inference Protocol: inputs and outputs of a model."),
    Route("v2_version", "GET", "/v2/models/{model}/versions/{version}", READERS, "Open Inference Protocol: a live version's inputs."),
    Route("v2_model_ready", "GET", "/v2/models/{model}/ready", READERS, "Open Inference Protocol: the model can answer."),
    Route("v2_version_ready", "GET", "/v2/models/{model}/versions/{version}/ready", READERS, "Open Inference Protocol: it can answer."),
    Route("v2_infer", "POST", "/v2/models/{model}/infer", CALLERS, "Open Inference Protocol: predictions."),
    Route("v2_version_infer", "POST", "/v2/models/{model}/versions/{version}/infer", CALLERS, "Predictions of one live version."),
    Route("live", "GET", "/health/live", PUBLIC, "The process runs."),
    Route("ready", "GET", "/health/ready", PUBLIC, "Every deployed model can answer, and the ledger is followed."),
    Route("metrics", "GET", "/metrics", WATCHERS, "Prometheus metrics of all workers."),
    Route("openapi", "GET", "/openapi.json", READERS, "This document, with the types of the models that the key may see.", listing=True),
    Route("page", "GET", "/", PUBLIC, "A page that shows the document and tries requests."),
)


class Router:
    """Finds the route of a method and a path."""

    def __init__(self, routes: tuple[Route, ...] = ROUTES) -> None:
        self._patterns = [(route, re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path) + "$")) for route in routes]
        self._found: dict[tuple[str, str], tuple[Route, Mapping[str, str]]] = {}

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """The route, and the parts of the path that it names.

        Raises:
            RequestError: 404 for an unknown path, 405 for another method.
        """
        known = self._found.get((method, path))
        if known is not None:
            return known
        asked = "GET" if method == "HEAD" else method
        allowed = []
        for route, pattern in self._patterns:
            if (match := pattern.match(path)) is not None:
                if route.method == asked:
                    found = route, match.groupdict()
                    if len(self._found) < 1000:
                        self._found[method, path] = found
                    return found
                allowed.append(route.method)
        if allowed:
            allow = ", ".join(sorted({*allowed, *(["HEAD"] if "GET" in allowed else [])}))
            message = f"{path} takes {allow}."
            raise RequestError(405, "method_not_allowed", message, headers=[(b"allow", allow.encode())])
        raise RequestError(404, "not_found", "There is nothing at this path. GET / lists what there is.")


@dataclass(slots=True)
class _Bucket:
    """Requests that a key may still make: refilled at a steady rate up to one second's worth."""

    left: float
    at: float


@dataclass(slots=True)
class Access:
    """A recognised principal, and what was decided about it so far."""

    actor: Actor
    expires: float
    decided: dict[tuple[str, str | None], bool] = field(default_factory=dict)


class Gate:
    """Recognises keys and decides by the table.

    Args:
        environment: whose scopes count.
        anonymous: whether a request without a key may call and look.
        rate: requests per second and key in this worker; 0: no limit.
    """

    def __init__(self, environment: str, *, anonymous: bool = False, rate: float = 0.0) -> None:
        self._environment = environment
        self._anonymous = Access(ANONYMOUS, float("inf")) if anonymous else None
        self._rate = rate
        self._keys: Mapping[str, Key] = {}
        self._known: dict[bytes, Access] = {}
        self._buckets: dict[str, _Bucket] = {}

    def follow(self, keys: Mapping[str, Key]) -> None:
        """Take the keys of a newer state; what was decided by the older ones is forgotten."""
        if keys is not self._keys:
            self._keys, self._known = keys, {}

    def admit(self, authorization: bytes | None, route: Route, model: str | None) -> Actor:
        """The principal behind a request, if it may use ``route``.

        Raises:
            RequestError: 401 without a valid key, 403 without the role or the scope, 429 over the rate limit.
        """
        access = self._recognise(authorization)
        decided = access.decided.get((route.name, model))
        if decided is None:
            decided = self._decide(access.actor, route, model)
            if len(access.decided) < 1000:
                access.decided[route.name, model] = decided
        if not decided:
            needs = " or ".join((*route.roles, "admin"))
            about = f" for {model}" if model is not None else ""
            raise RequestError(403, "forbidden", f"This needs a key with the role {needs}{about} in {self._environment}.")
        if self._rate:
            self._count(access.actor)
        return access.actor

    def sees(self, actor: Actor, model: str) -> bool:
        """Whether a listing may name ``model`` to ``actor``."""
        return any(actor.may(role, model, self._environment) for role in READERS)

    def visible(self, actor: Actor, models: Iterable[str]) -> list[str]:
        """Those of ``models`` that a listing may name to ``actor``, sorted."""
        return [model for model in sorted(models) if self.sees(actor, model)]

    def _decide(self, actor: Actor, route: Route, model: str | None) -> bool:
        if not route.roles:
            return True
        if not route.listing:
            return any(actor.may(role, model, self._environment) for role in route.roles)
        scoped = any(scope.partition("/")[0] in ("*", self._environment) for scope in actor.scopes)
        return scoped and (bool(actor.roles.intersection(route.roles)) or "admin" in actor.roles)

    def _recognise(self, authorization: bytes | None) -> Access:
        if authorization is None:
            if self._anonymous is not None:
                return self._anonymous
            raise _unauthorized("This needs a key: Authorization: Bearer KEY.")
        scheme, _, presented = authorization.partition(b" ")
        if scheme.lower() == b"basic":
            presented = _password(presented)
        elif scheme.lower() != b"bearer":
            presented = b""
        if not presented:
            raise _unauthorized("The Authorization header must be: Bearer KEY.")
        # Looked up by its hash, whose bits a guesser cannot steer, so that the time of a look-up tells nothing about a key.
        digest = hashlib.sha256(presented).digest()
        access = self._known.get(digest)
        if access is None:
            try:
                actor = authenticate(self._keys, presented.decode("latin-1"), datetime.now(UTC))
            except KeyRefused as refused:
                raise _unauthorized(refused.found) from None
            expires = self._keys[actor.key or ""].expires
            access = Access(actor, read_time(expires).timestamp() if expires else float("inf"))
            if len(self._known) < 10_000:
                self._known[digest] = access
        elif time.time() >= access.expires:
            del self._known[digest]
            raise _unauthorized("The API key has expired.")
        return access

    def _count(self, actor: Actor) -> None:
        now = time.monotonic()
        bucket = self._buckets.setdefault(actor.key or "", _Bucket(max(1.0, self._rate), now))
        bucket.left = min(max(1.0, self._rate), bucket.left + (now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.left < 1:
            wait = max(1, round((1 - bucket.left) / self._rate))
            raise RequestError(
                429, "rate_limited", f"More than {self._rate:g} requests a second.", headers=[(b"retry-after", str(wait).encode())]
            )
        bucket.left -= 1


def _password(credentials: bytes) -> bytes:
    """The password of basic credentials (RFC 7617); empty for what are none."""
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except ValueError:
        return b""


def _unauthorized(message: str) -> RequestError:
    return RequestError(401, "unauthorized", message[:1].upper() + message[1:], headers=[(b"www-authenticate", b"Bearer")])
