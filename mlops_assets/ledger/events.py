"""Events: what one holds, how it is written canonically, and the hash that ties it to the one before."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mlops_assets.ledger.errors import EventError
from mlops_assets.ledger.kinds import KINDS, check_body
from mlops_assets.ledger.words import ENVIRONMENTS

GENESIS = "0" * 64
"""What the first event names as its previous hash."""

_ACTOR = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.:\-]{0,119}$")
_MODEL = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_quote = json.JSONEncoder(ensure_ascii=False).encode


def canonical(value: Any) -> str:
    """One text per value: sorted keys, no spaces, UTF-8 characters as they are.

    Raises:
        EventError: for a value that JSON has no text for (NaN, infinity, an object).
    """
    try:
        return _encode(value)
    except (TypeError, ValueError) as error:
        raise EventError(f"the body cannot be written as JSON: {error}.") from error


def written_time(time: datetime) -> str:
    """A time as events hold it: UTC, microseconds, ``2026-01-31T12:00:00.000000Z``."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def minute(time: str) -> str:
    """A written time for people: ``2026-01-31 12:00 UTC``."""
    return f"{time[:16].replace('T', ' ')} UTC"


def read_time(text: str) -> datetime:
    """The time that :func:`written_time` wrote."""
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it has a place in the log.

    ``model`` and ``environment`` are None for events about the whole ledger (keys); ``version`` is None for events
    about a model as a whole.

    Raises:
        EventError: when it is not an event that the table of kinds knows.
    """

    kind: str
    actor: str
    body: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    environment: str | None = None
    version: int | None = None

    def __post_init__(self) -> None:
        check_body(self.kind, self.body)
        subject = KINDS[self.kind].subject
        if not _ACTOR.match(self.actor):
            raise EventError(
                f"{self.actor[:40]!r} is no actor name.", valid=["letters, digits, '_', '-', '.' and ':' up to 120 characters"]
            )
        if subject == "ledger":
            if self.model is not None or self.environment is not None or self.version is not None:
                raise EventError(f"{self.kind} is about the whole ledger: it has no model, environment or version.")
            return
        if self.model is None or not _MODEL.match(self.model):
            raise EventError(f"{self.kind} names the model {self.model!r}.", valid=["lower case, digits and '_', starting with a letter"])
        if self.environment not in ENVIRONMENTS:
            raise EventError(f"{self.kind} names the environment {self.environment!r}.", valid=ENVIRONMENTS)
        if subject == "version" and not _positive(self.version):
            raise EventError(f"{self.kind} of {self.model} names the version {self.version!r}.", valid=["a whole number from 1"])
        if subject == "model" and self.version is not None and not _positive(self.version):
            raise EventError(f"{self.kind} of {self.model} names the version {self.version!r}.", valid=["a whole number from 1", "none"])


def _positive(version: int | None) -> bool:
    return isinstance(version, int) and not isinstance(version, bool) and 1 <= version < 2**31


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log.

    ``sequence`` counts from 1 without gaps and is the order of events. ``time`` is UTC with microseconds and never
    lies before that of the event before it. ``hash`` is the SHA-256 of the canonical JSON of all other fields,
    among them ``previous``, the hash of the event before.
    """

    sequence: int
    time: str
    actor: str
    model: str | None
    environment: str | None
    version: int | None
    kind: str
    body: Mapping[str, Any]
    previous: str
    hash: str

    @property
    def at(self) -> datetime:
        """The time as a zoned datetime."""
        return read_time(self.time)

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__} | {"body": dict(self.body)}


def event_hash(
    sequence: int,
    time: str,
    actor: str,
    model: str | None,
    environment: str | None,
    version: int | None,
    kind: str,
    body: str,
    previous: str,
) -> str:
    """SHA-256 of an event; ``body`` is its canonical text.

    The text that is hashed is the canonical JSON object of these nine fields; the body stands in it byte for byte as it is stored,
    so a change of mere spacing shows as well.
    """
    text = (
        f'{{"actor":{_quote(actor)},"body":{body},"environment":{_nullable(environment)},"kind":{_quote(kind)},'
        f'"model":{_nullable(model)},"previous":"{previous}","sequence":{sequence},"time":{_quote(time)},'
        f'"version":{"null" if version is None else version}}}'
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _nullable(text: str | None) -> str:
    return "null" if text is None else _quote(text)


def chain(draft: Draft, sequence: int, previous: str, not_before: str, now: datetime) -> tuple[Event, str]:
    """Give a draft its place after ``previous``; returns the event and the canonical text of its body.

    A clock that jumped backwards cannot reorder the log: the recorded time is the later of ``now`` and ``not_before``, the time of the
    event before.
    """
    body = canonical(draft.body)
    time = max(written_time(now), not_before)
    digest = event_hash(sequence, time, draft.actor, draft.model, draft.environment, draft.version, draft.kind, body, previous)
    event = Event(
        sequence,
        time,
        draft.actor,
        draft.model,
        draft.environment,
        draft.version,
        draft.kind,
        json.loads(body),
        previous,
        digest,
    )
    return event, body
