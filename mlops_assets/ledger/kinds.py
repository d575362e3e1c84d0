"""Every kind of event and the fields that its body has: the one table that appending, folding and reading share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mlops_assets.errors import nearest
from mlops_assets.ledger.errors import EventError

Subject = Literal["version", "model", "ledger"]

ENVIRONMENTS = ("dev", "test", "prod")
"""From the least to the most trusted: a bundle moves to the right only."""

ROLES = ("viewer", "caller", "operator", "approver", "admin")
STATUSES = ("pass", "fail", "inconclusive")
GATE_STATUSES = (*STATUSES, "not_applicable", "off")
DIGESTS = ("bundle", "trees", "data", "spec")
TEXT_LIMIT = 2000

_IDENTIFIER = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.:@/+\- ]{0,199}$")
SCOPE_PATTERN = re.compile(rf"^({'|'.join(ENVIRONMENTS)}|\*)/([a-z][a-z0-9_]{{0,62}}|\*)$")
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
        and {"name", "status"} <= set(value) <= {"name", "status", "observed", "required", "n"}
        and _identifier(value["name"])
        and value["status"] in GATE_STATUSES
        and (value.get("observed") is None or _number(value["observed"]))
        and (value.get("n") is None or _whole(value["n"]))
        and (value.get("required") is None or _text(value["required"]))
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


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event: what it is about and the fields of its body."""

    name: str
    subject: Subject
    meaning: str
    fields: Mapping[str, Field]


IDENTIFIER = Field("a short identifier", _identifier)
TEXT = Field(f"text up to {TEXT_LIMIT} characters without control characters or e-mail addresses", _text)
SHARE = Field("a share between 0 and 1", _share)
NUMBER = Field("a finite number", _number)
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


def _maybe(field: Field) -> Field:
    return Field(field.holds, field.check, optional=True)


_EVERYWHERE = {"run": _maybe(IDENTIFIER), "key": _maybe(IDENTIFIER)}
"""The run that caused an event, and the prefix of the key that proved its actor."""


def _kind(name: str, subject: Subject, meaning: str, **fields: Field) -> tuple[str, Kind]:
    return name, Kind(name, subject, meaning, {**fields, **_EVERYWHERE})


KINDS: Mapping[str, Kind] = dict(
    (
        _kind(
            "verdict",
            "model",
            "the gates judged a bundle",
            id=IDENTIFIER,
            status=STATUS,
            digests=DIGEST_SET,
            gates=GATES,
            environment=ENVIRONMENT,
            sample=SHARE,
            as_of=_maybe(IDENTIFIER),
            source=_maybe(SOURCE),
        ),
        _kind(
            "registered",
            "version",
            "a bundle became a version",
            digests=DIGEST_SET,
            verdict=IDENTIFIER,
            sample=SHARE,
            as_of=_maybe(IDENTIFIER),
            mlflow_run=_maybe(IDENTIFIER),
            source=_maybe(SOURCE),
        ),
        _kind(
            "approval_requested",
            "version",
            "someone asked for approvals",
            verdict=IDENTIFIER,
            digests=DIGEST_SET,
            needed=WHOLE,
            expires=TIME,
            comment=_maybe(TEXT),
        ),
        _kind(
            "approved",
            "version",
            "a person approved exactly these digests",
            verdict=IDENTIFIER,
            digests=DIGEST_SET,
            comment=_maybe(TEXT),
        ),
        _kind("rejected", "version", "a person refused it for good", reason=TEXT, needed=WHOLE),
        _kind(
            "waived",
            "model",
            "a named person let gates pass that did not",
            verdict=IDENTIFIER,
            gates=NAMES,
            reason=TEXT,
            needed=WHOLE,
        ),
        _kind(
            "rollout_started",
            "version",
            "it began to take traffic beside the champion",
            strategy=IDENTIFIER,
            share=SHARE,
            steps=Field("a list of shares", _list_of(_share)),
            verdict=IDENTIFIER,
            digests=DIGEST_SET,
            needed=WHOLE,
            replaces=_maybe(WHOLE),
        ),
        _kind("traffic_shifted", "version", "the challenger's share changed", share=SHARE, step=WHOLE),
        _kind("analysed", "version", "the rollout's evidence was weighed", step=WHOLE, result=STATUS, numbers=NUMBERS, n=WHOLE),
        _kind(
            "promoted",
            "version",
            "it became champion and took all traffic",
            verdict=IDENTIFIER,
            digests=DIGEST_SET,
            needed=WHOLE,
            approvers=NAMES,
            replaces=_maybe(WHOLE),
            reason=_maybe(TEXT),
        ),
        _kind(
            "rolled_back", "version", "it was taken out and the one before it took all traffic", restored=WHOLE, reason=TEXT, needed=WHOLE
        ),
        _kind("archived", "version", "it was put aside", reason=TEXT, needed=WHOLE, out_of_service=_maybe(FLAG)),
        _kind("retired", "version", "it will not serve again", reason=TEXT, needed=WHOLE),
        _kind("pruned", "version", "its bundle was removed for good, as nothing needs it any more", reason=TEXT, needed=WHOLE),
        _kind("drift_found", "model", "the live data left the reference", metric=IDENTIFIER, window=IDENTIFIER, numbers=NUMBERS, n=WHOLE),
        _kind(
            "retraining_requested",
            "model",
            "a policy or a person asked to train again",
            key=IDENTIFIER,
            trigger=IDENTIFIER,
            numbers=NUMBERS,
        ),
        _kind(
            "retraining_declined",
            "model",
            "a trigger fired and the policy held back",
            key=IDENTIFIER,
            trigger=IDENTIFIER,
            reason=TEXT,
            numbers=NUMBERS,
        ),
        _kind(
            "incident_opened",
            "model",
            "something needs a person",
            incident=IDENTIFIER,
            severity=IDENTIFIER,
            summary=TEXT,
            numbers=_maybe(NUMBERS),
        ),
        _kind("incident_closed", "model", "it no longer does", incident=IDENTIFIER, resolution=TEXT),
        _kind(
            "key_created",
            "ledger",
            "a principal got an API key",
            principal=IDENTIFIER,
            prefix=IDENTIFIER,
            hash=SHA256,
            roles=ROLE_LIST,
            scopes=SCOPES,
            expires=_maybe(TIME),
        ),
        _kind("key_revoked", "ledger", "an API key stopped being valid", prefix=IDENTIFIER, reason=_maybe(TEXT)),
    )
)


def check_body(kind: str, body: Mapping[str, Any]) -> None:
    """Check a body against its kind.

    Raises:
        EventError: for an unknown kind, a missing or unknown field, or a value that the field does not hold.
    """
    known = KINDS.get(kind)
    if known is None:
        guess = nearest(kind, KINDS)
        raise EventError(f"there is no event kind {kind!r}.", valid=sorted(KINDS), do=f"Did you mean {guess!r}?" if guess else None)
    for name, value in body.items():
        field = known.fields.get(name)
        if field is None:
            guess = nearest(name, known.fields)
            raise EventError(f"{kind} has no field {name!r}.", valid=sorted(known.fields), do=f"Did you mean {guess!r}?" if guess else None)
        if (value is None and not field.optional) or (value is not None and not field.check(value)):
            raise EventError(f"{kind}.{name} is {_shown(value)}.", valid=[field.holds])
    missing = sorted(name for name, field in known.fields.items() if not field.optional and name not in body)
    if missing:
        raise EventError(f"{kind} lacks {', '.join(missing)}.", valid=sorted(known.fields), do="Give every field that is not optional.")


def _shown(value: Any) -> str:
    """A value for an error; text that may hold personal data is not repeated."""
    if isinstance(value, str) and _MAIL.search(value):
        return "text with an e-mail address"
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
