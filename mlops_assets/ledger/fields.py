"""What a field of an event's body may hold: each kind of value in words, and its check."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops_assets.ledger.words import DIGESTS, ENVIRONMENTS, GATE_STATUSES, ROLES, SCOPE_PATTERN, STATUSES

TEXT_LIMIT = 2000

_IDENTIFIER = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.:@/+\- ]{0,199}$")
_HEX = re.compile(r"^[0-9a-f]{64}$")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]|[\ud800-\udfff]")
_MAIL = re.compile(r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+\.[A-Za-z]{2,}")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value and abs(value) != float("inf")


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= TEXT_LIMIT and not _CONTROL.search(value) and not _MAIL.search(value)


def _identifier(value: Any) -> bool:
    return isinstance(value, str) and bool(_IDENTIFIER.match(value)) and not _MAIL.search(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _share(value: Any) -> bool:
    return _number(value) and 0 <= value <= 1


def _digest(value: Any) -> bool:
    return isinstance(value, str) and bool(_HEX.match(value))


def _digests(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("bundle"), str)
        and set(value) <= set(DIGESTS)
        and all(digest is None or _identifier(digest) for digest in value.values())
    )


def _time(value: Any) -> bool:
    if not isinstance(value, str) or not value.endswith("Z"):
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _gate(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and {"name", "status"} <= set(value) <= {"name", "status", "rule", "observed", "required", "n"}
        and _identifier(value["name"])
        and value["status"] in GATE_STATUSES
        and (value.get("observed") is None or _number(value["observed"]))
        and (value.get("n") is None or _whole(value["n"]))
        and (value.get("required") is None or _text(value["required"]))
        and (value.get("rule") is None or _text(value["rule"]))
    )


def _numbers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _identifier(name) and (item is None or isinstance(item, bool) or _number(item) or _identifier(item)) for name, item in value.items()
    )


def _source(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) == {"environment", "version", "hash"}
        and value["environment"] in ENVIRONMENTS
        and _whole(value["version"])
        and _digest(value["hash"])
    )


def _list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and all(check(item) for item in value)


def _one_of(*valid: str) -> Callable[[Any], bool]:
    return lambda value: value in valid


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body: what it holds in words, the check, and whether it may be absent or null."""

    holds: str
    check: Callable[[Any], bool]
    optional: bool = False


IDENTIFIER = Field("a short identifier", _identifier)
TEXT = Field(f"text up to {TEXT_LIMIT} characters without control characters or e-mail addresses", _text)
SHARE = Field("a share between 0 and 1", _share)
SHARES = Field("a list of shares", _list_of(_share))
WHOLE = Field("a whole number", _whole)
DIGEST_SET = Field(f"digests by name ({', '.join(DIGESTS)}), bundle at least", _digests)
TIME = Field("a UTC time, ISO 8601 ending in Z", _time)
NUMBERS = Field("numbers and short identifiers by name", _numbers)
FLAG = Field("true or false", lambda value: isinstance(value, bool))
GATES = Field("gates, each {name, status, observed, required, n}", _list_of(_gate))
NAMES = Field("a list of short identifiers", _list_of(_identifier))
STATUS = Field(" | ".join(STATUSES), _one_of(*STATUSES))
ENVIRONMENT = Field(" | ".join(ENVIRONMENTS), _one_of(*ENVIRONMENTS))
SCOPES = Field(
    "a list of ENVIRONMENT/MODEL, * for any", _list_of(lambda value: isinstance(value, str) and bool(SCOPE_PATTERN.match(value)))
)
SOURCE = Field("{environment, version, hash} of the registration that it came from", _source)
SHA256 = Field("a SHA-256 in hexadecimal", _digest)
ROLE_LIST = Field(
    f"a list out of {', '.join(ROLES)}", lambda value: isinstance(value, list | tuple) and bool(value) and set(value) <= set(ROLES)
)


def maybe(field: Field) -> Field:
    """The field, absent or null where there is nothing to say."""
    return Field(field.holds, field.check, optional=True)


def shown(value: Any) -> str:
    """A value for an error; text that may hold personal data is not repeated."""
    if isinstance(value, str) and _MAIL.search(value):
        return "text with an e-mail address"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
