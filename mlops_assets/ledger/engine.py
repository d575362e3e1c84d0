"""How the ledger reaches its database: URLs, connections, one writer at a time, and errors in plain words."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from mlops_assets.ledger.errors import LedgerError

PATIENCE = 30.0
"""Seconds that a writer waits for its turn."""


def make_engine(url: str, patience: float = PATIENCE) -> Engine:
    """An engine for a SQLite file (a path or ``sqlite:///…``) or a PostgreSQL database (``postgresql://…``).

    Raises:
        LedgerError: for a URL of another kind, or a folder that cannot be made.
    """
    try:
        parsed = make_url(url if "://" in url else f"sqlite:///{url}")
    except ArgumentError as error:
        raise LedgerError(f"{url!r} is no database URL.", valid=["sqlite:///path/ledger.db", "postgresql://user@host/database"]) from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(parsed)
    if backend in ("postgresql", "postgres"):
        return _postgresql(parsed, patience)
    raise LedgerError(f"the ledger cannot be kept in {backend}.", valid=["sqlite:///path/ledger.db", "postgresql://user@host/database"])


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise LedgerError("a ledger in memory would be lost with the process.", do="Name a file: sqlite:///path/ledger.db")
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"its folder cannot be made: {error.strerror}.", where=url.database) from error
    arguments: dict[str, Any] = {"timeout": 0, "check_same_thread": False}
    address = url
    if (read_only := _read_only(Path(url.database))) is not None:
        address = url.set(database=read_only, query={**url.query, "uri": "true"})
    engine = create_engine(address, connect_args=arguments, isolation_level="AUTOCOMMIT")

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=2000")
        cursor.execute("PRAGMA recursive_triggers=ON")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    return engine


def _read_only(file: Path) -> str | None:
    """How to open a ledger that this user may only read: SQLite's write-ahead log would need the folder, an untouched file does not."""
    if not file.is_file() or (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
        return None
    log = file.with_name(file.name + "-wal")
    untouched = not log.exists() or log.stat().st_size == 0
    return f"file:{quote(str(file.resolve()))}?mode=ro{'&immutable=1' if untouched else ''}"


def _postgresql(url: URL, patience: float) -> Engine:
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    milliseconds = int(patience * 1000)
    try:
        return create_engine(
            url,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10, "options": f"-c lock_timeout={milliseconds} -c timezone=UTC"},
        )
    except (ImportError, NoSuchModuleError) as error:
        raise LedgerError(f"no driver for PostgreSQL is installed: {error}.", do="Install mlops-assets[postgres].") from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the database from first to last read.

    Raises:
        LedgerError: when the database cannot be read.
    """
    with told(engine), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("ROLLBACK")
        else:
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection


@contextmanager
def writing(engine: Engine, patience: float = PATIENCE, *, lock: bool = True) -> Iterator[Connection]:
    """The only writing connection across all processes; commits at the end, rolls back on any error.

    SQLite takes its write lock at once (``BEGIN IMMEDIATE``) and asks again until ``patience`` seconds have passed; PostgreSQL locks the
    table against every other writer and lets readers pass. ``lock`` is False while the table does not exist yet.

    Raises:
        LedgerError: when the turn does not come, or the database cannot be written; nothing was kept.
    """
    with told(engine), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            _begin_immediate(connection, patience)
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                if not connection.closed and not connection.invalidated and _in_transaction(connection):
                    connection.exec_driver_sql("ROLLBACK")
                raise
        else:
            with connection.begin():
                if lock:
                    connection.exec_driver_sql("LOCK TABLE events IN EXCLUSIVE MODE")
                yield connection


def _in_transaction(connection: Connection) -> bool:
    return bool(getattr(connection.connection.dbapi_connection, "in_transaction", False))


def _begin_immediate(connection: Connection, patience: float) -> None:
    """Ask for the write lock in short intervals of chance length: SQLite's own waiting grows to 100 ms and lets late comers pass."""
    until = time.monotonic() + patience
    database = connection.connection.cursor()
    database.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                database.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
            time.sleep(random.uniform(0.0005, 0.003))
    finally:
        database.execute("PRAGMA busy_timeout=2000")
        database.close()


@contextmanager
def told(engine: Engine) -> Iterator[None]:
    """Turn what a database says into a :class:`LedgerError` that says what to do."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _plain(engine, error) from error


_ADVICE = (
    ("locked", "another process keeps it locked", "Find the process that holds it, or try again."),
    ("lock timeout", "another process keeps it locked", "Find the process that holds it, or try again."),
    ("readonly", "it may not be written", "Give this user the right to write the file and its folder."),
    ("read-only", "it may not be written", "Give this user the right to write it."),
    ("permission denied", "this user may not do that", "Give this user the right to read and write it."),
    ("full", "the disk is full", "Free some space; what was recorded before is kept."),
    ("no space left", "the disk is full", "Free some space; what was recorded before is kept."),
    ("malformed", "the file is corrupt", "Stop writing to it, keep a copy, restore a backup, then `mlops audit verify`."),
    ("not a database", "the file is not a SQLite database", "Point ledger_url at the ledger, or restore a backup."),
    ("disk i/o error", "the disk reports an error", "Check the disk; what was recorded before is kept."),
    ("unable to open", "the file cannot be opened", "Check that its folder exists and that this user may use it."),
    ("append-only", "its guard rails refused a change", "Events are only ever appended."),
    ("unique", "another writer went around the lock", "Run `mlops audit verify`."),
    ("no such table", "it is not a ledger: it has no events", "Point ledger_url at the ledger."),
    ("does not exist", "it is not a ledger: it has no events", "Point ledger_url at the ledger."),
    ("password", "the database refused the user", "Check user and password in ledger_url."),
)


def _plain(engine: Engine, error: Exception) -> LedgerError:
    said = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    where = engine.url.render_as_string(hide_password=True)
    for sign, meaning, advice in _ADVICE:
        if sign in said.lower():
            return LedgerError(f"the ledger is not available: {meaning} ({said}). Nothing was recorded.", where=where, do=advice)
    return LedgerError(
        f"the ledger's database does not answer ({said}). Nothing was recorded that is not confirmed.",
        where=where,
        do="Check that it runs and can be reached, then repeat.",
    )
