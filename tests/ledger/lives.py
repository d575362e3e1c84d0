"""Models' lives for the tests, in one line each."""

from __future__ import annotations

from typing import Any

from mlops_assets.governance.principals import add_key, authenticate, os_user
from mlops_assets.ledger import Event, Ledger, actions
from mlops_assets.ledger.actors import Actor

MODEL = "churn"
NOTE: dict[str, Any] = {"metric": "psi", "window": "7d", "numbers": {"psi": 0.21}, "n": 500}
"""Body of an event that any state allows."""


def digests(number: int, data: str = "data") -> dict[str, str | None]:
    """Digests of the bundle that becomes version ``number``."""
    return {"bundle": f"bundle{number}", "trees": f"trees{number}", "data": data, "spec": "spec"}


def judge(ledger: Ledger, number: int, status: str = "pass", verdict: str | None = None, **more: Any) -> str:
    """Record a verdict on the bundle of version ``number``; returns its id."""
    name = verdict or f"verdict{number}"
    gates = [
        {"name": "beats_naive", "status": status, "observed": 0.81, "required": ">= 0.5", "n": 400},
        {"name": "leakage", "status": "pass"},
    ]
    options: dict[str, Any] = {"digests": digests(number), **more}
    actions.record_verdict(ledger, MODEL, "dagster", id=name, status=status, gates=gates, **options)
    return name


def candidate(ledger: Ledger, number: int, as_of: str | None = None) -> Event:
    """Judge and register version ``number``."""
    verdict = judge(ledger, number, as_of=as_of)
    return actions.register(ledger, MODEL, number, "dagster", digests=digests(number), verdict=verdict, as_of=as_of)


def champion(ledger: Ledger, number: int) -> Event:
    """Make version ``number`` champion where no approvals are asked for."""
    candidate(ledger, number)
    return actions.promote(ledger, MODEL, number, "os:dev", needed=0)


def principal(ledger: Ledger, name: str, *roles: str, by: Actor | None = None, **options: Any) -> Actor:
    """A principal with a fresh key, authenticated with it."""
    key, _ = add_key(ledger, by or os_user(), name, roles, **options)
    return authenticate(ledger.fold().keys, key, ledger.now())
