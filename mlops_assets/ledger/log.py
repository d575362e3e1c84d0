"""The ledger: append under one lock, read, and the state that follows, kept up to date from where it was."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, select

from mlops_assets.ledger import tables
from mlops_assets.ledger.checkpoints import Checkpoints
from mlops_assets.ledger.engine import PATIENCE, make_engine, reading, writing
from mlops_assets.ledger.errors import LedgerError, Refused
from mlops_assets.ledger.events import Draft, Event, chain, read_time, written_time
from mlops_assets.ledger.folding import Folding
from mlops_assets.ledger.rules.check import violation
from mlops_assets.ledger.state import EMPTY, DeploymentState, State

_READ = 5_000


class Ledger:
    """An append-only log of events in a SQLite file or a PostgreSQL database.

    Safe to share between threads; each process opens its own. ``environment`` is what :meth:`state` means where none is named.
    """

    def __init__(self, url: str, *, environment: str = "dev", checkpoints: Checkpoints | None = None, patience: float = PATIENCE) -> None:
        self.url = url
        self.environment = environment
        self.checkpoints = checkpoints
        self.engine = make_engine(url, patience)
        self._patience = patience
        self._lock = threading.RLock()
        self._state = EMPTY
        self._process = os.getpid()

    def now(self) -> datetime:
        """The clock: UTC."""
        return datetime.now(UTC)

    def append(
        self,
        kind: str | Draft,
        model: str | None = None,
        actor: str = "",
        body: Mapping[str, Any] | None = None,
        *,
        environment: str | None = None,
        version: int | None = None,
        expect: int | None = None,
    ) -> Event:
        """Append one event, given as a :class:`Draft` or in parts; returns it with its place in the chain.

        ``expect`` is the sequence of the model's last event that the caller has seen: with a later one there, nothing is appended.

        Raises:
            EventError: for an event that the table of kinds does not know.
            Refused: when the state at that moment does not allow it, or ``expect`` does not hold.
            LedgerError: when the database cannot be written; nothing was kept.
        """
        draft = kind if isinstance(kind, Draft) else self._draft(kind, model, actor, body or {}, environment, version)
        return self.append_all([draft], expect=expect)[0]

    def _draft(
        self, kind: str, model: str | None, actor: str, body: Mapping[str, Any], environment: str | None, version: int | None
    ) -> Draft:
        return Draft(kind, actor, body, model, (environment or self.environment) if model is not None else None, version)

    def append_all(self, drafts: Sequence[Draft], *, expect: int | None = None) -> list[Event]:
        """Append several events in one transaction: all of them or none. Errors as in :meth:`append`."""
        if not drafts:
            return []
        with self._lock:
            self._own_process()
            if self._state.sequence == 0:
                self.fold()
            with writing(self.engine, self._patience) as connection:
                folding = Folding(self._caught_up(connection))
                if expect is not None:
                    _expect(folding, drafts[0], expect)
                events, rows = [], []
                for draft in drafts:
                    now = max(self.now(), read_time(folding.time)) if folding.time else self.now()
                    if (refusal := violation(folding, draft, now)) is not None:
                        raise Refused(refusal.why, do=refusal.do)
                    event, body = chain(draft, folding.sequence + 1, folding.head, folding.time, now)
                    folding.apply(event)
                    events.append(event)
                    rows.append(_row(event, body))
                connection.execute(tables.events.insert(), rows)
            self._state = folding.state()
        if self.checkpoints is not None:
            self.checkpoints.after(events, self._first_hash)
        return events

    def _caught_up(self, connection: Connection) -> State:
        """State at the end of the log, from the one that is known and the events since."""
        folding = Folding(self._state)
        while True:
            unread = select(tables.events).where(tables.events.c.sequence > folding.sequence).limit(_READ)
            start = folding.sequence
            for event in _events(connection, unread):
                self._take(folding, event)
            if folding.sequence < start + _READ:
                break
        self._state = folding.state()
        return self._state

    def _take(self, folding: Folding, event: Event) -> None:
        if event.sequence != folding.sequence + 1 or event.previous != folding.head:
            raise LedgerError(
                f"the chain is broken at event {event.sequence}: it does not follow event {folding.sequence}.",
                where=self.where,
                do="Run `mlops audit verify`; nothing is recorded before that is settled.",
            )
        try:
            folding.apply(event)
        except (KeyError, AssertionError, TypeError, ValueError) as error:
            raise LedgerError(
                f"event {event.sequence} ({event.kind}) cannot be read: {type(error).__name__}.",
                where=self.where,
                do="Run `mlops audit verify`.",
            ) from error

    @property
    def where(self) -> str:
        """The database's URL without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    def fold(self) -> State:
        """The state of everything at this moment. Only events since the last call are read."""
        with self._lock:
            self._own_process()
            with reading(self.engine) as connection:
                return self._caught_up(connection)

    def state(self, model: str, environment: str | None = None) -> DeploymentState:
        """The state of one model at this moment, in ``environment`` or the ledger's own."""
        return self.fold().of(model, environment or self.environment)

    def events(
        self,
        model: str | None = None,
        *,
        environment: str | None = None,
        version: int | None = None,
        kinds: Iterable[str] = (),
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: int = 0,
    ) -> Iterator[Event]:
        """Events in order, of everything or of what is named; ``since`` is included, ``until`` is not."""
        self._own_process()
        table = tables.events.c
        query = select(tables.events).where(table.sequence > after)
        for column, value in ((table.model, model), (table.environment, environment), (table.version, version), (table.actor, actor)):
            if value is not None:
                query = query.where(column == value)
        if chosen := tuple(kinds):
            query = query.where(table.kind.in_(chosen))
        if since is not None:
            query = query.where(table.time >= written_time(since))
        if until is not None:
            query = query.where(table.time < written_time(until))
        with reading(self.engine) as connection:
            yield from _events(connection, query, stream=True)

    def size(self) -> int:
        """How many events there are."""
        return self.fold().sequence

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _first_hash(self) -> str:
        return next(self.events()).hash

    def _own_process(self) -> None:
        if self._process != os.getpid():
            self.engine.dispose(close=False)
            self._process = os.getpid()


def open_ledger(
    url: str,
    *,
    environment: str = "dev",
    checkpoints: Path | str | None = None,
    create: bool = True,
    patience: float = PATIENCE,
    every: int = 100,
    key: Path | None = None,
) -> Ledger:
    """Open the ledger at ``url`` (a SQLite path or SQLAlchemy URL), made with its guard rails where it is new.

    ``checkpoints`` is the folder of signed checkpoints: one at every ``every`` events and at each promotion or rollback, beside the newest
    head. Without a folder none are written, and a cut tail or a full rewrite would not show. ``key`` is the file of the signing key; by
    default it lies in the folder. With ``create`` False, a database without a ledger is an error.

    Raises:
        LedgerError: when the database cannot be opened.
    """
    signed = Checkpoints(Path(checkpoints), every, key) if checkpoints else None
    ledger = Ledger(url, environment=environment, checkpoints=signed, patience=patience)
    sqlite = ledger.engine.dialect.name == "sqlite"
    if sqlite and not create and not Path(url.removeprefix("sqlite:///")).is_file():
        raise LedgerError("there is no ledger.", where=ledger.where, do="Point ledger_url at it; the first recorded event makes one.")
    with reading(ledger.engine) as connection:
        there = tables.exists(connection)
    if not there:
        if not create:
            raise LedgerError("there is no ledger in this database.", where=ledger.where, do="Point ledger_url at it.")
        if sqlite:
            with ledger.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        with writing(ledger.engine, patience, lock=False) as connection:
            tables.create(connection)
    return ledger


def _expect(folding: Folding, draft: Draft, expect: int) -> None:
    state = folding.of(draft.model or "", draft.environment or "")
    if state.sequence != expect:
        raise Refused(
            f"{draft.model} in {draft.environment} changed since: its last event is {state.sequence}, not {expect}.",
            do="Read the state and decide again.",
        )


def _row(event: Event, body: str) -> dict[str, Any]:
    return {
        "sequence": event.sequence,
        "time": event.time,
        "actor": event.actor,
        "model": event.model,
        "environment": event.environment,
        "version": event.version,
        "kind": event.kind,
        "body": body,
        "previous": event.previous,
        "hash": event.hash,
    }


def _events(connection: Connection, query: Select[Any], *, stream: bool = False) -> Iterator[Event]:
    options = {"yield_per": _READ} if stream else {}
    for row in connection.execute(query.order_by(tables.events.c.sequence), execution_options=options):
        yield _event(tuple(row))


def _event(row: tuple[Any, ...]) -> Event:
    try:
        body = json.loads(row[7])
    except ValueError as error:
        raise LedgerError(f"the body of event {row[0]} is not JSON: {error}.", do="Run `mlops audit verify`.") from error
    return Event(row[0], row[1], row[2], row[3], row[4], row[5], row[6], body, row[8], row[9])
