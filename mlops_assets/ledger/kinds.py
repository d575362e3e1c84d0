"""Every kind of event and the fields that its body has: the one table that appending, folding and reading share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlops_assets.errors import nearest
from mlops_assets.ledger.errors import EventError
from mlops_assets.ledger.fields import (
    DIGEST_SET,
    ENVIRONMENT,
    FLAG,
    GATES,
    IDENTIFIER,
    NAMES,
    NUMBERS,
    ROLE_LIST,
    SCOPES,
    SHA256,
    SHARE,
    SHARES,
    SOURCE,
    STATUS,
    TEXT,
    TIME,
    WHOLE,
    Field,
    maybe,
    shown,
)

Subject = Literal["version", "model", "ledger"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event: what it is about and the fields of its body."""

    name: str
    subject: Subject
    meaning: str
    fields: Mapping[str, Field]


_EVERYWHERE = {"run": maybe(IDENTIFIER), "key": maybe(IDENTIFIER)}
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
            as_of=maybe(IDENTIFIER),
            source=maybe(SOURCE),
        ),
        _kind(
            "registered",
            "version",
            "a bundle became a version",
            digests=DIGEST_SET,
            verdict=IDENTIFIER,
            sample=SHARE,
            as_of=maybe(IDENTIFIER),
            mlflow_run=maybe(IDENTIFIER),
            source=maybe(SOURCE),
        ),
        _kind(
            "approval_requested",
            "version",
            "someone asked for approvals",
            verdict=IDENTIFIER,
            digests=DIGEST_SET,
            needed=WHOLE,
            expires=TIME,
            comment=maybe(TEXT),
        ),
        _kind(
            "approved",
            "version",
            "a person approved exactly these digests",
            verdict=IDENTIFIER,
            digests=DIGEST_SET,
            comment=maybe(TEXT),
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
            steps=SHARES,
            verdict=IDENTIFIER,
            digests=DIGEST_SET,
            needed=WHOLE,
            replaces=maybe(WHOLE),
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
            replaces=maybe(WHOLE),
            reason=maybe(TEXT),
        ),
        _kind(
            "rolled_back", "version", "it was taken out and the one before it took all traffic", restored=WHOLE, reason=TEXT, needed=WHOLE
        ),
        _kind("archived", "version", "it was put aside", reason=TEXT, needed=WHOLE, out_of_service=maybe(FLAG)),
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
            numbers=maybe(NUMBERS),
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
            expires=maybe(TIME),
        ),
        _kind("key_revoked", "ledger", "an API key stopped being valid", prefix=IDENTIFIER, reason=maybe(TEXT)),
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
            raise EventError(f"{kind}.{name} is {shown(value)}.", valid=[field.holds])
    missing = sorted(name for name, field in known.fields.items() if not field.optional and name not in body)
    if missing:
        raise EventError(f"{kind} lacks {', '.join(missing)}.", valid=sorted(known.fields), do="Give every field that is not optional.")
