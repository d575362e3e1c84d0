"""Appending and reading, on SQLite and on PostgreSQL."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mlops_assets.ledger import Draft, EventError, Ledger, LedgerError, Refused, fold, open_ledger
from mlops_assets.ledger.events import GENESIS, canonical, event_hash
from mlops_assets.ledger.verify import verify

from .lives import MODEL, NOTE, candidate

Opened = Callable[..., Ledger]


def test_an_event_reads_back_as_it_was_appended_and_names_the_one_before(opened: Opened) -> None:
    ledger = opened()
    first = ledger.append("drift_found", MODEL, "os:ana", NOTE)
    second = ledger.append("drift_found", MODEL, "os:ana", NOTE, environment="prod")
    assert [event.sequence for event in ledger.events()] == [1, 2]
    assert list(ledger.events()) == [first, second]
    assert (first.previous, second.previous) == (GENESIS, first.hash)
    assert first.time.endswith("Z")
    assert len(first.time) == 27
    assert list(ledger.events(MODEL, environment="prod")) == [second]


def test_the_hash_is_that_of_the_canonical_json_of_all_other_fields(opened: Opened) -> None:
    import hashlib

    event = opened().append(
        "incident_opened", MODEL, "os:ana", {"incident": "i1", "severity": "critical", "summary": "Größer „als“ erlaubt\n"}
    )
    document = event.to_json()
    stated = document.pop("hash")
    assert hashlib.sha256(canonical(document).encode()).hexdigest() == stated
    assert event_hash(1, event.time, "os:ana", MODEL, "dev", None, event.kind, canonical(event.body), GENESIS) == stated


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("drift_fund", NOTE, "Did you mean 'drift_found'"),
        ("drift_found", {**NOTE, "windw": "7d"}, "Did you mean 'window'"),
        ("drift_found", {"metric": "psi"}, "lacks n, numbers, window"),
        ("drift_found", {**NOTE, "n": -1}, "drift_found.n is -1"),
        ("drift_found", {**NOTE, "numbers": {"psi": float("nan")}}, "drift_found.numbers"),
        ("incident_opened", {"incident": "i", "severity": "low", "summary": "ask ana@example.org"}, "text with an e-mail address"),
        ("incident_opened", {"incident": "i", "severity": "low", "summary": "\x00"}, "summary"),
        ("incident_opened", {"incident": "i", "severity": "low", "summary": "\ud800"}, "summary"),
        ("incident_opened", {"incident": "i", "severity": "low", "summary": "x" * 2001}, "summary"),
    ],
)
def test_an_unknown_kind_or_field_or_a_value_that_does_not_fit_is_no_event(
    tmp_path: Path, kind: str, body: dict[str, object], said: str
) -> None:
    ledger = open_ledger(str(tmp_path / "ledger.db"))
    with pytest.raises(EventError, match=said.replace(".", r"\.")):
        ledger.append(kind, MODEL, "os:ana", body)
    assert ledger.size() == 0


def test_a_batch_is_kept_whole_or_not_at_all(opened: Opened) -> None:
    ledger = opened()
    note = Draft("drift_found", "os:ana", NOTE, MODEL, "dev")
    closing = Draft("incident_closed", "os:ana", {"incident": "none", "resolution": "-"}, MODEL, "dev")
    with pytest.raises(Refused, match="incident none is not open"):
        ledger.append_all([note, note, closing])
    assert ledger.size() == 0
    assert len(ledger.append_all([note] * 50)) == 50
    assert verify(ledger).status == "pass"


def test_a_clock_that_jumps_backwards_never_dates_an_event_before_the_one_before(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = opened()
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    clock = iter([noon, noon - timedelta(hours=3), noon + timedelta(seconds=1)])
    monkeypatch.setattr(ledger, "now", lambda: next(clock))
    times = [ledger.append("drift_found", MODEL, "os:ana", NOTE).time for _ in range(3)]
    assert times == ["2026-05-01T12:00:00.000000Z", "2026-05-01T12:00:00.000000Z", "2026-05-01T12:00:01.000000Z"]
    assert verify(ledger).status == "pass"


def test_events_are_found_by_kind_actor_version_and_time(opened: Opened) -> None:
    ledger = opened()
    candidate(ledger, 1)
    note = ledger.append("drift_found", MODEL, "os:bo", NOTE)
    assert [event.kind for event in ledger.events(kinds=["registered"])] == ["registered"]
    assert list(ledger.events(actor="os:bo")) == [note]
    assert [event.kind for event in ledger.events(version=1)] == ["registered"]
    assert list(ledger.events(since=note.at)) == [note]
    assert note not in list(ledger.events(until=note.at))
    assert list(ledger.events(after=2)) == [note]


def test_who_has_not_seen_the_last_event_is_told(opened: Opened) -> None:
    ledger, other = opened(), opened()
    seen = ledger.append("drift_found", MODEL, "os:ana", NOTE).sequence
    other.append("drift_found", MODEL, "os:bo", NOTE, expect=seen)
    with pytest.raises(Refused, match="its last event is 2, not 1"):
        ledger.append("drift_found", MODEL, "os:ana", NOTE, expect=seen)
    assert ledger.size() == 2


def test_the_database_refuses_update_delete_replace_and_truncate(opened: Opened) -> None:
    ledger = opened()
    ledger.append_all([Draft("drift_found", "os:ana", NOTE, MODEL, "dev")] * 3)
    before = list(ledger.events())
    attempts = ["UPDATE events SET actor = 'x' WHERE sequence = 2", "DELETE FROM events WHERE sequence = 3", "DELETE FROM events"]
    row = "(2, 't', 'a', null, null, null, 'k', '{}', 'p', 'h')"
    if ledger.engine.dialect.name == "sqlite":
        attempts += [f"INSERT OR REPLACE INTO events VALUES {row}", f"REPLACE INTO events VALUES {row}"]
        attempts += [f"INSERT INTO events VALUES {row} ON CONFLICT (sequence) DO UPDATE SET actor = 'x'"]
    else:
        attempts += ["TRUNCATE events", f"INSERT INTO events VALUES {row} ON CONFLICT (sequence) DO UPDATE SET actor = 'x'"]
    attempts += [f"INSERT INTO events VALUES {row.replace('(2', '(9')}"]
    for attempt in attempts:
        with pytest.raises(DBAPIError, match="append-only"), ledger.engine.begin() as connection:
            connection.execute(text(attempt))
    assert list(ledger.events()) == before


def test_replace_is_refused_on_a_connection_that_did_not_switch_recursive_triggers_on(tmp_path: Path) -> None:
    import sqlite3

    ledger = open_ledger(str(tmp_path / "ledger.db"))
    ledger.append_all([Draft("drift_found", "os:ana", NOTE, MODEL, "dev")] * 3)
    with sqlite3.connect(tmp_path / "ledger.db") as plain, pytest.raises(sqlite3.Error, match="append-only"):
        plain.execute(
            "INSERT OR REPLACE INTO events SELECT 2, time, 'x', model, environment, version, kind, body, previous, hash FROM events LIMIT 1"
        )


def _write(url: str, checkpoints: str, worker: int, events: int, batch: int) -> None:
    ledger = open_ledger(url, checkpoints=checkpoints, patience=120)
    for _ in range(events // batch):
        ledger.append_all([Draft("drift_found", f"worker{worker}", NOTE, f"model{worker}", "dev")] * batch)
    ledger.close()


def test_eight_processes_append_a_thousand_events_each_to_one_chain(url: str, opened: Opened, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    checkpoints = str(tmp_path / "checkpoints")
    batches = [2, 5, 10, 20, 25, 50, 100, 200]
    workers = [context.Process(target=_write, args=(url, checkpoints, number, 1000, batch)) for number, batch in enumerate(batches)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 8
    ledger = opened()
    found = verify(ledger)
    assert (found.status, found.events, found.proven, found.problems) == ("pass", 8000, 8000, ())
    counted = {f"model{number}": sum(1 for _ in ledger.events(f"model{number}")) for number in range(8)}
    assert set(counted.values()) == {1000}
    assert fold(ledger.events()) == ledger.fold()


def test_a_ledger_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        open_ledger(str(tmp_path / "none.db"), create=False)
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("bad", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "nonsense://"])
def test_a_url_that_cannot_hold_a_ledger_is_refused(bad: str) -> None:
    with pytest.raises(LedgerError):
        open_ledger(bad)
