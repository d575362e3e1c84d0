"""Every route for every role and every state of a key, against a running server."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from mlops_assets.governance.principals import authenticate, revoke_key
from mlops_assets.ledger.actors import Actor
from mlops_assets.ledger.events import written_time
from mlops_assets.ledger.words import ROLES
from mlops_assets.modeling.requests.errors import RequestError
from mlops_assets.serving.access import ROUTES, Gate, Route
from tests.serving.conftest import Deployment
from tests.serving.projects import json_rows

ALLOWED = {
    "predict": {"caller"},
    "feedback": {"caller"},
    "models": {"viewer", "caller", "operator", "approver"},
    "model": {"viewer", "caller", "operator", "approver"},
    "invocations": {"caller"},
    "model_invocations": {"caller"},
    "v2_model": {"viewer", "caller", "operator", "approver"},
    "v2_version": {"viewer", "caller", "operator", "approver"},
    "v2_model_ready": {"viewer", "caller", "operator", "approver"},
    "v2_version_ready": {"viewer", "caller", "operator", "approver"},
    "v2_infer": {"caller"},
    "v2_version_infer": {"caller"},
    "metrics": {"viewer", "operator"},
    "openapi": {"viewer", "caller", "operator", "approver"},
}
PUBLIC = {"ping", "version", "v2", "v2_live", "v2_ready", "live", "ready", "page"}


@pytest.fixture(scope="session")
def keys(deployed: Deployment) -> dict[str, str | None]:
    """A key of every role, and keys in every state that is not right."""
    project = deployed.project
    root = project.key("admin", name="root")
    admin: Actor = authenticate(project.ledger.fold().keys, root, project.ledger.now())
    made: dict[str, str | None] = {role: project.key(role, name=f"only_{role}", by=admin) for role in ROLES if role != "admin"}
    made["admin"] = root
    made["revoked"] = project.key(*ROLES, name="revoked", by=admin)
    revoke_key(project.ledger, admin, "revoked")
    made["expired"] = project.key(*ROLES, name="expired", by=admin, expires=project.ledger.now() + timedelta(seconds=0.5))
    made["other model"] = project.key(*(r for r in ROLES if r != "admin"), name="narrow", by=admin, scopes=["test/other"])
    made["other environment"] = project.key(*ROLES, name="elsewhere", by=admin, scopes=["prod/*"])
    made["wrong"] = root[:-1] + ("A" if root[-1] != "A" else "B")
    made["made up"] = "mlops_000000000000_" + "A" * 43
    made["no key"] = None
    time.sleep(1)
    return made


def request(client: httpx.Client, route: Route, key: str | None, body: Any) -> httpx.Response:
    path = route.path.replace("{model}", "m").replace("{version}", "1")
    headers = {"X-Model": "m", **({"authorization": f"Bearer {key}"} if key else {})}
    return client.request(route.method, path, headers=headers, json=body if route.method == "POST" else None)


def test_the_table_of_this_test_covers_every_route() -> None:
    assert {route.name for route in ROUTES} == PUBLIC | set(ALLOWED)


@pytest.mark.parametrize("who", [*ROLES, "no key", "wrong", "made up", "revoked", "expired", "other model", "other environment"])
def test_every_route_answers_whom_the_table_names_and_nobody_else(deployed: Deployment, keys: dict[str, str | None], who: str) -> None:
    bundle = deployed.bundles["m"]
    rows = json_rows(bundle, 1)
    tensors = [{"name": f.name, "shape": [1], "datatype": "BYTES", "data": [rows[0][f.name]]} for f in bundle.signature.features]
    bodies = {
        "predict": {"data": rows},
        "feedback": {"outcomes": [{"prediction_id": "01a1fb94-5c8b-7032-92c5-f22da57ba408", "outcome": True}]},
        "invocations": {"instances": rows},
        "model_invocations": {"instances": rows},
        "v2_infer": {"inputs": tensors},
        "v2_version_infer": {"inputs": tensors},
    }
    with deployed.server.client() as client:
        for route in ROUTES:
            answer = request(client, route, keys[who], bodies.get(route.name))
            if route.name in PUBLIC:
                expected = 200
            elif who in ("no key", "wrong", "made up", "revoked", "expired"):
                expected = 401
            elif who == "other environment":
                expected = 403
            elif who == "other model":
                # Listings answer with what the key may see, which is nothing here.
                expected = 200 if route.name in ("models", "openapi") else 403
            elif who == "admin" or who in ALLOWED[route.name]:
                expected = 202 if route.name == "feedback" else 200
            else:
                expected = 403
            assert answer.status_code == expected, f"{who}: {route.method} {route.path}: {answer.text}"
            if expected == 401:
                assert answer.headers["www-authenticate"] == "Bearer"
            if expected in (401, 403):
                assert "levels" not in answer.text, "a refusal names no other model"


def test_a_key_for_one_model_sees_that_model_alone(deployed: Deployment, keys: dict[str, str | None]) -> None:
    with deployed.server.client(keys["other model"]) as client:
        assert client.get("/models").json()["models"] == []
        assert not any("/models/m/" in path for path in client.get("/openapi.json").json()["paths"])
        unknown, known = client.get("/models/nowhere"), client.get("/models/m")
        assert unknown.status_code == known.status_code == 403, "whether a model exists does not show"


def test_a_revoked_key_stops_within_a_second(deployed: Deployment, keys: dict[str, str | None]) -> None:
    project = deployed.project
    admin = authenticate(project.ledger.fold().keys, str(keys["admin"]), project.ledger.now())
    key = project.key("caller", name="leaving", by=admin)
    with deployed.server.client(key) as client:
        deadline = time.monotonic() + 1
        while client.get("/models").status_code != 200:
            assert time.monotonic() < deadline, "a new key works within a second"
        revoke_key(project.ledger, admin, "leaving")
        deadline = time.monotonic() + 1
        while client.get("/models").status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.02)


ROUTE = next(route for route in ROUTES if route.name == "predict")


def gate(**options: Any) -> Gate:
    return Gate("test", **options)


def test_anonymous_requests_are_answered_only_where_the_settings_say_so() -> None:
    with pytest.raises(RequestError) as caught:
        gate().admit(None, ROUTE, "m")
    assert caught.value.status == 401
    assert gate(anonymous=True).admit(None, ROUTE, "m").name == "anonymous"
    watching = next(route for route in ROUTES if route.name == "metrics")
    assert gate(anonymous=True).admit(None, watching, None)
    with pytest.raises(RequestError, match="Bearer KEY"):
        gate(anonymous=True).admit(b"Basic abc", ROUTE, "m")
    with pytest.raises(RequestError, match="not known"):
        gate(anonymous=True).admit(b"Bearer abc", ROUTE, "m")


def test_a_key_that_asks_too_often_is_told_when_to_come_back(deployed: Deployment) -> None:
    limited = gate(rate=5)
    limited.follow(deployed.project.ledger.fold().keys)
    header = f"Bearer {deployed.key}".encode()
    for _ in range(5):
        limited.admit(header, ROUTE, "m")
    with pytest.raises(RequestError) as caught:
        limited.admit(header, ROUTE, "m")
    assert caught.value.status == 429
    assert dict(caught.value.headers)[b"retry-after"] == b"1"
    time.sleep(0.25)
    limited.admit(header, ROUTE, "m")


def test_a_key_expires_while_it_is_known_already(deployed: Deployment) -> None:
    project = deployed.project
    keys = dict(project.ledger.fold().keys)
    prefix = deployed.key.split("_")[1]
    keys[prefix] = replace(keys[prefix], expires=written_time(project.ledger.now() + timedelta(seconds=0.3)))
    known = gate()
    known.follow(keys)
    header = f"Bearer {deployed.key}".encode()
    assert known.admit(header, ROUTE, "m").name == "app"
    time.sleep(0.4)
    for _ in range(2):
        with pytest.raises(RequestError, match="expired"):
            known.admit(header, ROUTE, "m")
