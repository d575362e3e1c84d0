"""Principals: who holds which API key, with which roles and scopes, and how a presented key is recognised.

A key is 256 random bits behind a public prefix. The ledger keeps its SHA-256 and never the key, so that it is shown once, when it is made.
"""

from __future__ import annotations

import getpass
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_assets.errors import BAD_INPUT, RED, MlopsError
from mlops_assets.ledger.actors import Actor, Key, holder, not_valid
from mlops_assets.ledger.errors import Refused
from mlops_assets.ledger.events import Draft, written_time
from mlops_assets.ledger.words import ROLES, SCOPE_PATTERN

if TYPE_CHECKING:
    from mlops_assets.ledger.log import Ledger

KEY_VARIABLE = "MLOPS_KEY"
PRINCIPAL_PATTERN = re.compile(r"^[a-z][a-z0-9_.\-]{0,62}$")

_KEY = re.compile(r"^mlops_([0-9a-f]{12})_([A-Za-z0-9_\-]{43})$")
_NOBODY = hashlib.sha256(b"").hexdigest()


class KeyRefused(Refused):
    """The presented key is malformed, unknown, expired or revoked."""

    exit_code = BAD_INPUT


class NotAllowed(KeyRefused):
    """Who acts has not the role for it."""

    exit_code = RED


def os_user() -> Actor:
    """The operating system's user, unproven."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid{os.getuid()}"
    return Actor("os:" + re.sub(r"[^A-Za-z0-9_.\-]", "_", name)[:100])


def authenticate(keys: Mapping[str, Key], presented: str, now: datetime) -> Actor:
    """The principal behind a presented key.

    The comparison takes the same time for a wrong key as for a right one, and an unknown prefix is compared too.

    Raises:
        KeyRefused: for a key that is malformed, unknown, revoked or expired at ``now``. The key is not repeated.
    """
    match = _KEY.match(presented.strip())
    prefix = match.group(1) if match else ""
    known = keys.get(prefix)
    offered = hashlib.sha256(presented.strip().encode("utf-8", "surrogatepass")).hexdigest()
    right = hmac.compare_digest(offered, known.hash if known else _NOBODY)
    if known is None or not right:
        raise KeyRefused(
            "the API key is not known here.",
            do=f"Give the key of a principal of this ledger with --key or {KEY_VARIABLE}; `mlops principals list` shows whose there are.",
        )
    if (why := not_valid(known, now)) is not None:
        raise KeyRefused(
            f"the API key {prefix} of {known.principal} {why}.", do=f"An admin makes a new one: `mlops principals add {known.principal}`."
        )
    return holder(known)


def valid_keys(keys: Mapping[str, Key], now: datetime) -> list[Key]:
    """Keys that are neither revoked nor expired at ``now``, by principal."""
    return sorted((key for key in keys.values() if not_valid(key, now) is None), key=lambda key: (key.principal, key.created))


def add_key(
    ledger: Ledger,
    actor: Actor,
    principal: str,
    roles: Iterable[str],
    *,
    scopes: Iterable[str] = ("*/*",),
    expires: datetime | None = None,
) -> tuple[str, Key]:
    """Make a key for ``principal``; returns the key itself, which is kept nowhere, and what the ledger keeps.

    As long as no valid key has the role admin, anybody who can write the ledger may make keys; afterwards only an admin.

    Raises:
        MlopsError: for a name, role, scope or expiry that cannot be used.
        NotAllowed: when ``actor`` may not make keys.
    """
    roles, scopes = tuple(dict.fromkeys(roles)), tuple(dict.fromkeys(scopes))
    if not PRINCIPAL_PATTERN.match(principal):
        raise MlopsError(f"{principal!r} is no name for a principal.", valid=["lower case, digits, '_', '-', '.', starting with a letter"])
    if unknown := [role for role in roles if role not in ROLES]:
        raise MlopsError(f"{unknown[0]!r} is no role.", valid=ROLES)
    if not roles:
        raise MlopsError(f"{principal} needs at least one role.", valid=ROLES)
    if wrong := [scope for scope in scopes if not SCOPE_PATTERN.match(scope)]:
        raise MlopsError(f"{wrong[0]!r} is no scope.", valid=["ENVIRONMENT/MODEL, each of them a name or *: prod/churn, test/*, */*"])
    if expires is not None and expires <= ledger.now():
        raise MlopsError(f"the key would expire at {written_time(expires)}, which is past.")
    _admin_only(ledger, actor)
    prefix = secrets.token_hex(6)
    key = f"mlops_{prefix}_{secrets.token_urlsafe(32)}"
    ledger.append(
        Draft(
            "key_created",
            actor.name,
            {
                "principal": principal,
                "prefix": prefix,
                "hash": hashlib.sha256(key.encode()).hexdigest(),
                "roles": list(roles),
                "scopes": list(scopes) or ["*/*"],
                "expires": written_time(expires) if expires else None,
            },
        )
    )
    return key, ledger.fold().keys[prefix]


def revoke_key(ledger: Ledger, actor: Actor, name: str, reason: str | None = None) -> list[Key]:
    """Revoke one key by its prefix, or all valid keys of a principal; returns the revoked ones.

    Raises:
        MlopsError: when nothing of that name is valid.
        NotAllowed: when ``actor`` may not revoke keys.
    """
    valid = valid_keys(ledger.fold().keys, ledger.now())
    found = [key for key in valid if name in (key.prefix, key.principal)]
    if not found:
        raise MlopsError(f"{name!r} has no valid key.", valid=sorted({key.principal for key in valid}))
    own = actor.proven and all(key.principal == actor.name for key in found)
    if not own:
        _admin_only(ledger, actor)
    ledger.append_all([Draft("key_revoked", actor.name, {"prefix": key.prefix, "reason": reason}) for key in found])
    return [ledger.fold().keys[key.prefix] for key in found]


def _admin_only(ledger: Ledger, actor: Actor) -> None:
    admins = sorted({key.principal for key in valid_keys(ledger.fold().keys, ledger.now()) if "admin" in key.roles})
    if admins and not actor.may("admin"):
        raise NotAllowed(f"{actor.name} may not manage keys.", do=f"Ask an admin ({', '.join(admins)}), or give an admin's key with --key.")
