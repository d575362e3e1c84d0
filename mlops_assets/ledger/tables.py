"""The table of events and its guard rails, on SQLite and on PostgreSQL.

The triggers keep accidents out. They are no proof: whoever owns the database can drop them, which is why the chain and the signed
checkpoints exist.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, MetaData, String, Table, Text, text

metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("time", String(27), nullable=False),
    Column("actor", String(120), nullable=False),
    Column("model", String(63)),
    Column("environment", String(8)),
    Column("version", Integer),
    Column("kind", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", String(64), nullable=False, unique=True),
    Column("hash", String(64), nullable=False, unique=True),
)
Index("events_by_model", events.c.model, events.c.environment, events.c.sequence)

GUARD_RAILS = {
    "sqlite": ("events_no_update", "events_no_delete", "events_at_the_end"),
    "postgresql": ("events_no_change", "events_at_the_end"),
}

_SQLITE = (
    "CREATE TRIGGER IF NOT EXISTS events_no_update BEFORE UPDATE ON events "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: no event is changed'); END",
    "CREATE TRIGGER IF NOT EXISTS events_no_delete BEFORE DELETE ON events "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: no event is removed'); END",
    "CREATE TRIGGER IF NOT EXISTS events_at_the_end BEFORE INSERT ON events "
    "WHEN NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM events) "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: an event goes to the end'); END",
)

_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION ledger_refuses_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only: no event is changed or removed'; END $$",
    "CREATE OR REPLACE FUNCTION ledger_at_the_end() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN IF NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM events) THEN "
    "RAISE EXCEPTION 'the ledger is append-only: an event goes to the end'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER events_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON events "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuses_change()",
    "CREATE TRIGGER events_at_the_end BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION ledger_at_the_end()",
)

_CREATION_LOCK = 0x6D6C6F7073


def exists(connection: Connection) -> bool:
    """Whether the table of events is there."""
    return bool(connection.dialect.has_table(connection, "events"))


def create(connection: Connection) -> None:
    """Make the table and its guard rails inside the caller's transaction, unless they are there."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_CREATION_LOCK})"))
    if exists(connection):
        return
    metadata.create_all(connection, checkfirst=False)
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.exec_driver_sql(statement)


def missing_guard_rails(connection: Connection) -> list[str]:
    """Names of the triggers that should be there, are not, or are switched off."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'"
    else:
        query = "SELECT tgname FROM pg_trigger WHERE tgrelid = 'events'::regclass AND NOT tgisinternal AND tgenabled <> 'D'"
    present = {row[0] for row in connection.exec_driver_sql(query)}
    return [name for name in GUARD_RAILS[connection.dialect.name] if name not in present]


def damage(connection: Connection) -> list[str]:
    """What SQLite's own check finds wrong with the file: at most three findings. PostgreSQL checks its pages as it reads them."""
    if connection.dialect.name != "sqlite":
        return []
    found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(3)")]
    return [] if found == ["ok"] else [" ".join(line.split()) for line in found]
