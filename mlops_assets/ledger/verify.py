"""Verification: recompute the whole log, compare it with its signed checkpoints, and name the first event that is not as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from mlops_assets.errors import MlopsError
from mlops_assets.ledger import tables
from mlops_assets.ledger.checkpoints import Checkpoint, Checkpoints
from mlops_assets.ledger.engine import reading
from mlops_assets.ledger.events import GENESIS, Draft, Event, event_hash, read_time
from mlops_assets.ledger.folding import Folding
from mlops_assets.ledger.log import Ledger
from mlops_assets.ledger.rules.check import violation

_READ = 5_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was. ``event`` is the sequence of the first event that it concerns, where there is one.

    ``kind`` is altered, removed, reordered, inserted, cut, rewritten, unlawful (the chain holds, but the state did not allow the event),
    checkpoint, guard_rail, or corrupt (the events are whole, and the file around them is not).
    """

    kind: str
    event: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying found. ``status`` is ``pass``, ``fail``, or ``inconclusive`` where no checkpoint proves the tail.

    ``proven`` is how many events from the first on a valid checkpoint vouches for.
    """

    status: str
    events: int
    head: str
    checkpoints: int
    proven: int
    problems: tuple[Problem, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {
            "status": self.status,
            "events": self.events,
            "head": self.head,
            "checkpoints": self.checkpoints,
            "proven": self.proven,
            "problems": [{"kind": problem.kind, "event": problem.event, "detail": problem.detail} for problem in self.problems],
        }


@dataclass(frozen=True, slots=True)
class _Row:
    """An event as the database holds it, its body still text."""

    sequence: int
    time: str
    actor: str
    model: str | None
    environment: str | None
    version: int | None
    kind: str
    body: str
    previous: str
    hash: str

    def computed(self, sequence: int | None = None) -> str:
        """The hash that its content has, at its own place in the log or at another."""
        at = self.sequence if sequence is None else sequence
        return event_hash(at, self.time, self.actor, self.model, self.environment, self.version, self.kind, self.body, self.previous)

    @property
    def name(self) -> str:
        about = " ".join(str(part) for part in (self.kind, self.model, self.version) if part is not None)
        return f"event {self.sequence} ({about})"


def verify(ledger: Ledger, checkpoints: Path | None = None, public_key: Path | None = None) -> Verification:
    """Verify every event of ``ledger`` against its hash, its place, what the state allowed, and the checkpoints.

    ``checkpoints`` and ``public_key`` default to the ledger's own folder. Reads only; an intact log of 10,000 events takes under a second.

    Raises:
        LedgerError: when the database cannot be read at all.
    """
    folder = Checkpoints(checkpoints) if checkpoints else ledger.checkpoints
    with reading(ledger.engine) as connection:
        missing = tables.missing_guard_rails(connection)
        damage = tables.damage(connection)
        everything = select(tables.events).order_by(tables.events.c.sequence)
        result = connection.execute(everything, execution_options={"yield_per": _READ})
        walk = _Walk(_Row(*row) for row in result)
        problem = walk.run()
        if problem is not None:
            rows = [_Row(*row) for row in connection.execute(everything)]
            problem = _explain(rows, problem)
    proofs, faults = _proofs(folder, public_key)
    problems = [problem] if problem else []
    problems += _against(walk, proofs, folder.noted() if folder else b"", broken=problem is not None and problem.kind != "unlawful")
    problems.sort(key=lambda item: item.event if item.event is not None else 2**62)
    problems += faults
    problems += [Problem("corrupt", None, f"the database file is damaged: {said}; restore a backup.") for said in damage]
    problems += [Problem("guard_rail", None, f"the trigger {name} is missing or off: the table was opened to changes.") for name in missing]
    good = [proof for proof in proofs if walk.hashes.get(proof.size) == proof.head]
    proven = max((proof.size for proof in good), default=0)
    status = "fail" if problems else "pass" if proven or walk.count == 0 else "inconclusive"
    return Verification(status, walk.count, walk.head, len(proofs), proven, tuple(problems))


class _Walk:
    """One pass over the log: stops judging at the first break, and remembers the hash at every place."""

    def __init__(self, rows: Iterator[_Row]) -> None:
        self._rows = rows
        self.count = 0
        self.head = GENESIS
        self.hashes: dict[int, str] = {}

    def run(self) -> Problem | None:
        folding = Folding()
        time = ""
        problem: Problem | None = None
        for place, row in enumerate(self._rows, start=1):
            self.count = place
            self.hashes[row.sequence] = row.hash
            if problem is not None:
                continue
            if row.sequence != place or row.previous != self.head or row.computed() != row.hash:
                problem = Problem("altered", place, row.name)
            elif row.time < time:
                problem = Problem("altered", place, f"{row.name} is dated before the one before it.")
            else:
                problem = _lawful(folding, row)
            self.head, time = row.hash, row.time
        return problem


def _lawful(folding: Folding, row: _Row) -> Problem | None:
    """Whether the state before it allowed the event."""
    try:
        body = json.loads(row.body)
        draft = Draft(row.kind, row.actor, body, row.model, row.environment, row.version)
        refusal = violation(folding, draft, read_time(row.time))
        if refusal is not None:
            return Problem("unlawful", row.sequence, f"{row.name} was not allowed: {refusal.why}")
        folding.apply(
            Event(
                row.sequence,
                row.time,
                row.actor,
                row.model,
                row.environment,
                row.version,
                row.kind,
                body,
                row.previous,
                row.hash,
            )
        )
    except (MlopsError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Problem("unlawful", row.sequence, f"{row.name} is no event that can be read: {error}")
    return None


def _explain(rows: list[_Row], found: Problem) -> Problem:
    """What happened at the first break: an event altered, removed, put elsewhere, or put in."""
    if found.kind == "unlawful" or found.event is None:
        return found
    place = found.event
    row = rows[place - 1]
    before = rows[place - 2] if place > 1 else None
    head = before.hash if before else GENESIS
    follows = {other.previous: other for other in rows}
    own = row.computed() == row.hash
    successor = follows.get(head)
    if before is not None and own and row.previous != head and successor is None and row.sequence == place:
        return Problem("altered", before.sequence, f"{before.name} was altered and given a new hash, which event {place} does not name.")
    if successor is not None and successor is not row and successor.computed(place) == successor.hash:
        return Problem("reordered", place, f"event {place} was put elsewhere: it stands as event {successor.sequence} now.")
    if row.previous == head and not own:
        moved = next((at for at in range(place + 1, len(rows) + 1) if row.computed(at) == row.hash), None)
        if moved is not None:
            return Problem("reordered", place, f"event {moved} was put in the place of event {place}.")
        return Problem("altered", place, f"{row.name} was altered: its content does not have its hash.")
    if row.sequence > place and own:
        gone = f"event {place}" if row.sequence == place + 1 else f"events {place} to {row.sequence - 1}"
        return Problem("removed", place, f"{gone} removed: event {row.sequence} follows event {place - 1}.")
    later = next((at for at in range(place + 1, len(rows) + 200) if row.computed(at) == row.hash), None)
    if later is not None:
        return Problem("removed", place, f"event {place} was removed and later ones were renumbered: event {later} stands in its place.")
    if not own:
        return Problem("altered", place, f"{row.name} was altered: its content does not have its hash.")
    return Problem("altered", place, f"{row.name} does not follow the event before it.")


def _proofs(folder: Checkpoints | None, public_key: Path | None) -> tuple[list[Checkpoint], list[Problem]]:
    if folder is None:
        return [], []
    proofs, faults = [], []
    for found in folder.read(public_key):
        if found.checkpoint is None:
            faults.append(Problem("checkpoint", None, f"checkpoint {found.file} proves nothing: {found.problem}."))
        else:
            proofs.append(found.checkpoint)
    return proofs, faults


def _against(walk: _Walk, proofs: list[Checkpoint], witness: bytes, *, broken: bool) -> list[Problem]:
    """Where the log is not the one that the checkpoints vouch for."""
    if not proofs:
        return []
    newest = proofs[-1]
    first = walk.hashes.get(1)
    if walk.count == 0:
        return [Problem("cut", 1, f"all {newest.size} events that checkpoints vouch for are gone.")]
    if broken:
        last = max(walk.hashes)
        return [_cut(last, newest)] if newest.size > last else []
    if first != newest.log:
        return [Problem("rewritten", 1, f"event 1 and all after it were written anew: the signed log began with {newest.log[:12]}.")]
    matching = 1
    for proof in proofs:
        if proof.size > walk.count:
            return [_cut(walk.count, newest)]
        if walk.hashes.get(proof.size) != proof.head:
            event = _first_difference(walk, witness, matching + 1, proof.size)
            start = f"event {event}" if event else f"one of the events {matching + 1} to {proof.size}"
            detail = f"{start} and all after it were written anew with a fresh chain: the checkpoint of {proof.time} signed another log."
            return [Problem("rewritten", event or matching + 1, detail)]
        matching = proof.size
    return []


def _first_difference(walk: _Walk, witness: bytes, first: int, last: int) -> int | None:
    """The first event whose hash is not the one that was noted outside the database, if it was noted."""
    if first == last:
        return first
    for sequence in range(first, last + 1):
        noted = witness[32 * (sequence - 1) : 32 * sequence].hex()
        if noted != walk.hashes[sequence]:
            return sequence if noted.strip("0") else None
    return None


def _cut(last: int, newest: Checkpoint) -> Problem:
    gone = f"event {last + 1} is" if newest.size == last + 1 else f"events {last + 1} to {newest.size} are"
    return Problem("cut", last + 1, f"the tail was cut: {gone} gone, and a checkpoint of {newest.time} vouches for them.")
