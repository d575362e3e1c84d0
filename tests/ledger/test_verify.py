"""Attacks on a copy of the ledger, by SQL, and what verification says of each."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_assets.ledger import Draft, Ledger, LedgerError, actions, open_ledger
from mlops_assets.ledger.events import GENESIS, canonical, event_hash
from mlops_assets.ledger.verify import Verification, verify

from .lives import MODEL, NOTE, candidate, champion

Attack = Callable[[sqlite3.Connection], object]


@pytest.fixture
def life(tmp_path: Path) -> Path:
    """A folder with a ledger of 30 events, two of them promotions, and its checkpoints."""
    folder = tmp_path / "origin"
    ledger = open_ledger(str(folder / "ledger.db"), checkpoints=folder / "checkpoints", every=10)
    champion(ledger, 1)
    for _ in range(10):
        ledger.append("drift_found", MODEL, "os:ana", NOTE)
    champion(ledger, 2)
    while ledger.size() < 30:
        ledger.append("drift_found", MODEL, "os:ana", NOTE)
    ledger.close()
    return folder


def attacked(life: Path, attack: Attack, *, keep_triggers: bool = False) -> Verification:
    """Verify a copy of the ledger after ``attack`` by somebody who owns the database file."""
    copy = life.parent / "copy"
    shutil.copytree(life, copy)
    with sqlite3.connect(copy / "ledger.db") as connection:
        made = [row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")]
        if not keep_triggers:
            for name in ("events_no_update", "events_no_delete", "events_at_the_end"):
                connection.execute(f"DROP TRIGGER {name}")
        attack(connection)
        if not keep_triggers:
            for statement in made:
                connection.execute(statement)
    connection.close()
    return verify(open_ledger(str(copy / "ledger.db"), checkpoints=copy / "checkpoints"))


def rechain(connection: sqlite3.Connection, start: int) -> None:
    """Give every event from ``start`` on a hash that fits, as a careful forger would."""
    rows = connection.execute(
        "SELECT sequence, time, actor, model, environment, version, kind, body FROM events WHERE sequence >= ? ORDER BY sequence", (start,)
    ).fetchall()
    found = connection.execute("SELECT hash FROM events WHERE sequence = ?", (start - 1,)).fetchone()
    previous = found[0] if found else GENESIS
    connection.execute("UPDATE events SET previous = 'x' || sequence, hash = 'y' || sequence WHERE sequence >= ?", (start,))
    for row in rows:
        digest = event_hash(*row, previous)
        connection.execute("UPDATE events SET previous = ?, hash = ? WHERE sequence = ?", (previous, digest, row[0]))
        previous = digest


def renumber(connection: sqlite3.Connection, gone: int) -> None:
    for (sequence,) in connection.execute("SELECT sequence FROM events WHERE sequence > ? ORDER BY sequence", (gone,)).fetchall():
        connection.execute("UPDATE events SET sequence = ? WHERE sequence = ?", (sequence - 1, sequence))


def swap(connection: sqlite3.Connection, one: int, other: int) -> None:
    for old, new in ((one, -1), (other, one), (-1, other)):
        connection.execute("UPDATE events SET sequence = ? WHERE sequence = ?", (new, old))


def swap_contents(connection: sqlite3.Connection, one: int, other: int) -> None:
    fields = "time, actor, model, environment, version, kind, body"
    rows = {number: connection.execute(f"SELECT {fields} FROM events WHERE sequence = ?", (number,)).fetchone() for number in (one, other)}
    for number, row in ((one, rows[other]), (other, rows[one])):
        connection.execute(f"UPDATE events SET ({fields}) = (?, ?, ?, ?, ?, ?, ?) WHERE sequence = ?", (*row, number))


def edit(connection: sqlite3.Connection, sequence: int) -> None:
    (body,) = connection.execute("SELECT body FROM events WHERE sequence = ?", (sequence,)).fetchone()
    changed = {**json.loads(body), "n": 7} if "n" in json.loads(body) else {**json.loads(body), "approvers": ["eve"]}
    connection.execute("UPDATE events SET body = ? WHERE sequence = ?", (canonical(changed), sequence))


def edit_and_rechain(connection: sqlite3.Connection, sequence: int) -> None:
    edit(connection, sequence)
    rechain(connection, sequence)


def test_an_untouched_ledger_is_told_to_be_so(life: Path) -> None:
    found = attacked(life, lambda connection: None, keep_triggers=True)
    assert (found.status, found.events, found.proven, found.problems) == ("pass", 30, 30, ())


@pytest.mark.parametrize(
    ("attack", "kind", "event"),
    [
        (lambda c: edit(c, 7), "altered", 7),
        (lambda c: edit(c, 16), "altered", 16),
        (lambda c: edit(c, 30), "altered", 30),
        (lambda c: c.execute("UPDATE events SET body = replace(body, ':', ': ') WHERE sequence = 5"), "altered", 5),
        (lambda c: c.execute("UPDATE events SET actor = 'os:eve' WHERE sequence = 1"), "altered", 1),
        (lambda c: c.execute("UPDATE events SET version = 9 WHERE kind = 'promoted' AND version = 2"), "altered", 16),
        (lambda c: c.execute("UPDATE events SET hash = 'x' || substr(hash, 2) WHERE sequence = 12"), "altered", 12),
        (lambda c: c.execute("DELETE FROM events WHERE sequence = 9"), "removed", 9),
        (lambda c: c.execute("DELETE FROM events WHERE sequence = 1"), "removed", 1),
        (lambda c: c.execute("DELETE FROM events WHERE sequence IN (9, 10, 11)"), "removed", 9),
        (lambda c: (c.execute("DELETE FROM events WHERE sequence = 9"), renumber(c, 9)), "removed", 9),
        (lambda c: swap(c, 8, 9), "reordered", 8),
        (lambda c: swap(c, 6, 20), "reordered", 6),
        (lambda c: c.execute("DELETE FROM events WHERE sequence = 30"), "cut", 30),
        (lambda c: c.execute("DELETE FROM events WHERE sequence > 21"), "cut", 22),
        (lambda c: c.execute("DELETE FROM events"), "cut", 1),
        (
            lambda c: (c.execute("UPDATE events SET body = replace(body, 'bundle1', 'bundle9') WHERE sequence = 1"), rechain(c, 1)),
            "rewritten",
            1,
        ),
        (lambda c: edit_and_rechain(c, 7), "rewritten", 7),
        (lambda c: edit_and_rechain(c, 23), "rewritten", 23),
        (lambda c: edit_and_rechain(c, 30), "rewritten", 30),
        (
            lambda c: c.execute(
                "INSERT OR REPLACE INTO events SELECT sequence, time, 'os:eve', model, environment, version, kind, body, previous, hash "
                "FROM events WHERE sequence = 14"
            ),
            "altered",
            14,
        ),
    ],
)
def test_each_attack_is_named_with_the_first_event_that_it_concerns(life: Path, attack: Attack, kind: str, event: int) -> None:
    found = attacked(life, attack)
    assert found.status == "fail"
    assert (found.problems[0].kind, found.problems[0].event) == (kind, event)


def test_swapped_contents_are_named_where_the_order_first_differs(life: Path) -> None:
    found = attacked(life, lambda c: swap_contents(c, 8, 16))
    assert found.status == "fail"
    assert found.problems[0].event == 8


def test_a_log_that_was_written_anew_from_the_first_event_is_named_so(life: Path) -> None:
    def attack(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE events SET time = '2026-01-01' || substr(time, 11)")
        rechain(connection, 1)

    found = attacked(life, attack)
    assert (found.status, found.problems[0].kind, found.problems[0].event) == ("fail", "rewritten", 1)


def test_one_event_with_a_new_hash_of_its_own_is_named_although_only_the_next_one_does_not_fit(life: Path) -> None:
    def attack(connection: sqlite3.Connection) -> None:
        edit(connection, 9)
        row = connection.execute("SELECT * FROM events WHERE sequence = 9").fetchone()
        connection.execute("UPDATE events SET hash = ? WHERE sequence = 9", (event_hash(*row[:9]),))

    found = attacked(life, attack)
    assert (found.problems[0].kind, found.problems[0].event) == ("altered", 9)


def test_a_promotion_that_was_added_with_a_valid_hash_but_no_evidence_is_named(life: Path) -> None:
    def attack(connection: sqlite3.Connection) -> None:
        previous, at = connection.execute("SELECT hash, time FROM events WHERE sequence = 30").fetchone()
        digests = {"bundle": "evil", "data": "d", "spec": "s", "trees": None}
        body = canonical({"verdict": "v", "digests": digests, "needed": 0, "approvers": [], "replaces": 2})
        row = (31, at, "os:eve", MODEL, "dev", 1, "promoted", body, previous)
        connection.execute("INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?)", (*row, event_hash(*row)))

    found = attacked(life, attack, keep_triggers=True)
    assert (found.status, found.problems[0].kind, found.problems[0].event) == ("fail", "unlawful", 31)


def test_dropped_guard_rails_are_reported(life: Path) -> None:
    found = attacked(life, lambda c: c.execute("DROP TRIGGER events_no_update"), keep_triggers=True)
    assert [(problem.kind, problem.event) for problem in found.problems] == [("guard_rail", None)]


def test_a_checkpoint_signed_by_another_key_proves_nothing(life: Path) -> None:
    head = life / "checkpoints" / "head.json"
    head.write_text(head.read_text().replace('"size": 30', '"size": 29'))
    found = attacked(life, lambda connection: None, keep_triggers=True)
    assert found.status == "fail"
    assert [problem.kind for problem in found.problems] == ["checkpoint"]
    assert "head.json" in found.problems[0].detail


def test_a_swapped_key_shows_against_a_copy_of_the_public_key(life: Path) -> None:
    kept = life.parent / "kept.pem"
    shutil.copy(life / "checkpoints" / "public.pem", kept)
    shutil.rmtree(life / "checkpoints")
    ledger = open_ledger(str(life / "ledger.db"), checkpoints=life / "checkpoints")
    ledger.append("drift_found", MODEL, "os:eve", NOTE)
    assert verify(ledger).status == "pass"
    assert verify(ledger, public_key=kept).status == "fail"


def test_without_checkpoints_the_answer_is_inconclusive(life: Path) -> None:
    shutil.rmtree(life / "checkpoints")
    found = attacked(life, lambda connection: None, keep_triggers=True)
    assert (found.status, found.proven) == ("inconclusive", 0)


def test_an_empty_ledger_passes(tmp_path: Path) -> None:
    assert verify(open_ledger(str(tmp_path / "ledger.db"))).status == "pass"


def test_checkpoints_are_kept_every_n_events_and_at_each_promotion_and_rollback(tmp_path: Path) -> None:
    ledger = open_ledger(str(tmp_path / "ledger.db"), checkpoints=tmp_path / "checkpoints", every=10)
    champion(ledger, 1)
    champion(ledger, 2)
    actions.rollback(ledger, MODEL, "os:ana", reason="slow")
    ledger.append_all([Draft("drift_found", "os:ana", NOTE, MODEL, "dev")] * 10)
    kept = sorted(int(path.name.split("-")[0]) for path in (tmp_path / "checkpoints").glob("0*.json"))
    assert kept == [3, 6, 7, 17]
    assert (tmp_path / "checkpoints" / "signing.key").stat().st_mode & 0o077 == 0


def test_an_append_whose_checkpoint_cannot_be_written_says_that_it_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("in the way")
    ledger = open_ledger(str(tmp_path / "ledger.db"), checkpoints=tmp_path / "checkpoints")
    with pytest.raises(LedgerError, match="event 1 is recorded, but its checkpoint is not"):
        ledger.append("drift_found", MODEL, "os:ana", NOTE)
    assert ledger.size() == 1


def test_ten_thousand_events_are_verified_in_about_a_second(tmp_path: Path) -> None:
    ledger = open_ledger(str(tmp_path / "ledger.db"), checkpoints=tmp_path / "checkpoints")
    for number in range(1, 11):
        candidate(ledger, number)
    ledger.append_all([Draft("drift_found", "os:ana", NOTE, MODEL, "dev")] * 9_980)
    start = time.process_time()
    assert verify(ledger).status == "pass"
    assert time.process_time() - start < 1


def test_the_same_attacks_show_on_postgresql(postgresql_database: str, tmp_path: Path) -> None:
    from sqlalchemy import text

    def fresh() -> Ledger:
        return open_ledger(postgresql_database, checkpoints=tmp_path / "checkpoints")

    ledger = fresh()
    champion(ledger, 1)
    ledger.append_all([Draft("drift_found", "os:ana", NOTE, MODEL, "dev")] * 10)
    attacks = {
        "UPDATE events SET actor = 'os:eve' WHERE sequence = 4": ("altered", 4),
        "DELETE FROM events WHERE sequence = 5": ("removed", 5),
        "DELETE FROM events WHERE sequence > 8": ("cut", 9),
    }
    for statement, (kind, event) in attacks.items():
        connection = ledger.engine.connect()
        transaction = connection.begin()
        connection.execute(text("ALTER TABLE events DISABLE TRIGGER USER"))
        connection.execute(text("CREATE TABLE kept AS SELECT * FROM events"))
        connection.execute(text(statement))
        transaction.commit()
        found = verify(fresh())
        assert (found.problems[0].kind, found.problems[0].event) == (kind, event)
        assert "guard_rail" in [problem.kind for problem in found.problems]
        with connection.begin():
            connection.execute(text("DELETE FROM events"))
            connection.execute(text("INSERT INTO events SELECT * FROM kept"))
            connection.execute(text("DROP TABLE kept"))
            connection.execute(text("ALTER TABLE events ENABLE TRIGGER USER"))
        connection.close()
    assert verify(fresh()).status == "pass"
