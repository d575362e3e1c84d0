"""SQLite databases of a Dagster instance whose connections stay open."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

_BUSY_SECONDS = 60


class OpenDatabase:
    """One SQLite database with a connection a thread that stays open."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._process = os.getpid()

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction."""
        with self._lock:
            if self._engine is None or self._process != os.getpid():
                # A connection must not be used on both sides of a fork; the parent closes the ones that it opened.
                self._engine, self._process = open_engine(self._url, shared=False), os.getpid()
            engine = self._engine
        with engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close every connection of this process."""
        with self._lock:
            if self._engine is not None and self._process == os.getpid():
                self._engine.dispose()
            self._engine = None


def revision(engine: Engine) -> str | None:
    """Which of Dagster's migrations a database has; None: it is not made yet."""
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def open_engine(url: str, *, shared: bool = True) -> Engine:
    """An engine with one connection that threads share in turn, or one connection a thread at a time."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import QueuePool, StaticPool

    pool: dict[str, Any] = {"poolclass": StaticPool} if shared else {"poolclass": QueuePool, "max_overflow": -1}
    engine = create_engine(url, **pool, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
