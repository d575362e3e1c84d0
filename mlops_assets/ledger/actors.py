"""Who acts: an actor with roles and scopes, and the key that proves it, as the ledger knows keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mlops_assets.ledger.events import minute, read_time


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a principal with a key, or a name that nothing proves (the operating system's user, an automation).

    An unproven name stands in the ledger as ``os:NAME``, so it never reads as a principal's.
    """

    name: str
    roles: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ()
    key: str | None = None

    @property
    def proven(self) -> bool:
        """Whether a key stands behind the name."""
        return self.key is not None

    def may(self, role: str, model: str | None = None, environment: str | None = None) -> bool:
        """Whether a proven actor holds ``role`` (an admin holds all) for this model in this environment."""
        return self.proven and (role in self.roles or "admin" in self.roles) and in_scope(self.scopes, model, environment)


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as the ledger knows it: never the key, only its SHA-256."""

    principal: str
    prefix: str
    hash: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    created: str
    created_by: str
    expires: str | None
    revoked: str | None = None


def holder(key: Key) -> Actor:
    """Whom a key proves."""
    return Actor(key.principal, frozenset(key.roles), key.scopes, key.prefix)


def in_scope(scopes: Iterable[str], model: str | None, environment: str | None) -> bool:
    """Whether one of ``scopes`` (``environment/model``, ``*`` for any) covers this model in this environment."""
    for scope in scopes:
        at, _, name = scope.partition("/")
        if at in ("*", environment) and name in ("*", model):
            return True
    return False


def not_valid(key: Key, now: datetime) -> str | None:
    """Why a known key is not valid at ``now``, or None."""
    if key.revoked is not None:
        return f"was revoked at {minute(key.revoked)}"
    if key.expires is not None and now >= read_time(key.expires):
        return f"expired at {minute(key.expires)}"
    return None
