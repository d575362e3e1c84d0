"""Dagster's embedded storage, quick enough for ranges of partitions: named as custom storage in ``dagster.yaml``.

It keeps the same databases as Dagster's own SQLite storage, which can take over at any time. What differs: connections
stay open, so that not every event opens, checkpoints and closes a database; the partitions of a range are written in one
transaction; the scripts of Dagster's migrations, which say what the newest form of a database is, are read once in a process
and not at each opening; and a commit is handed to the operating system without waiting for the disk (``synchronous=NORMAL`` on a
write-ahead log: a killed process loses nothing, a power cut may lose the newest events and never harms the database).
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, _event_logs_directory, _runs_directory, _schedule_directory

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory
    from dagster import EventLogEntry
    from dagster._serdes import ConfigurableClassData
    from sqlalchemy.engine import Connection, Engine

BATCH_SIZE = "DAGSTER_EVENT_BATCH_SIZE"
"""Environment variable that makes Dagster hand over the events of a range together, at most so many at a time."""

_OPEN_RUNS = 8
_BUSY_SECONDS = 60


class QuickEventLogStorage(SqliteEventLogStorage):
    """Dagster's sharded SQLite event log with open connections and batches."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._process = os.getpid()
        os.environ.setdefault(BATCH_SIZE, "1000")
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> QuickEventLogStorage:
        """The storage that an instance's configuration names."""
        return cls(inst_data=inst_data, **config_value)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of assets in one transaction of each database; events of other kinds one by one."""
        together = [event for event in events if event.dagster_event is not None and event.dagster_event_type in ASSET_EVENTS]
        if len({event.run_id for event in together}) != 1:
            super().store_event_batch(events)
            return
        statements = [self.prepare_insert_event(event) for event in together]
        with self.run_connection(together[0].run_id) as connection:
            for statement in statements:
                connection.execute(statement)
        with self.index_connection() as connection:
            ids = [_id(connection.execute(statement)) for statement in statements]
            self._store_asset_event_tags(connection, together, ids)
            # An asset's own row tells its newest event of a kind alone.
            newest = {(event.get_dagster_event().asset_key, event.dagster_event_type): place for place, event in enumerate(together)}
            for place in sorted(newest.values()):
                self._store_asset_event(connection, together[place], ids[place])
        for event in events:
            if event.dagster_event is None or event.dagster_event_type not in ASSET_EVENTS:
                self.store_event(event)

    def delete_events(self, run_id: str) -> None:
        """Forget a run."""
        super().delete_events(run_id)
        with self._db_lock:
            self._close(run_id)

    def dispose(self) -> None:
        """Close every connection."""
        with self._db_lock:
            for shard in list(self._engines):
                self._close(shard)
        super().dispose()

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        from sqlalchemy.exc import DatabaseError

        if _revision(engine) is not None:
            return
        # Where two processes make it at once, Dagster's own way takes turns.
        with suppress(DatabaseError):
            if not for_index_shard and _make_run_database(engine):
                return
        super()._initdb(engine, for_index_shard)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        if self._process != os.getpid():
            # A connection must not be used on both sides of a fork; the parent closes the ones that it opened.
            self._engines, self._process = OrderedDict(), os.getpid()
        engine = self._engines.get(shard)
        if engine is not None and not os.path.exists(self.path_for_shard(shard)):  # noqa: PTH110
            self._close(shard)
            self._initialized_dbs.discard(shard)
            engine = None
        if engine is None:
            engine = self._engines[shard] = _open(self.conn_string_for_shard(shard))
        self._engines.move_to_end(shard)
        runs = [name for name in self._engines if name != INDEX_SHARD_NAME]
        for name in runs[:-_OPEN_RUNS]:
            self._close(name)
        return engine

    def _close(self, shard: str) -> None:
        engine = self._engines.pop(shard, None)
        if engine is not None:
            engine.dispose()


class _OpenDatabase:
    """One SQLite database with a connection a thread that stays open."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._process = os.getpid()

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._lock:
            if self._engine is None or self._process != os.getpid():
                # A connection must not be used on both sides of a fork; the parent closes the ones that it opened.
                self._engine, self._process = _open(self._url, shared=False), os.getpid()
            engine = self._engine
        with engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        with self._lock:
            if self._engine is not None and self._process == os.getpid():
                self._engine.dispose()
            self._engine = None


class QuickRunStorage(SqliteRunStorage):
    """Dagster's SQLite storage of runs with open connections."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._open = _OpenDatabase(conn_string)
        super().__init__(conn_string, inst_data)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction."""
        with self._open.connect() as connection:
            yield connection

    def dispose(self) -> None:
        """Close every connection."""
        self._open.close()
        super().dispose()


class QuickScheduleStorage(SqliteScheduleStorage):
    """Dagster's SQLite storage of ticks with open connections."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._open = _OpenDatabase(conn_string)
        super().__init__(conn_string, inst_data)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction."""
        with self._open.connect() as connection:
            yield connection

    def dispose(self) -> None:
        """Close every connection."""
        self._open.close()
        super().dispose()


class QuickStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage, quick."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self.base_dir = base_dir
        self._run_storage = _opened(QuickRunStorage, _runs_directory(base_dir), "runs", "instance_info")
        self._event_log_storage = QuickEventLogStorage(_event_logs_directory(base_dir))
        self._schedule_storage = _opened(QuickScheduleStorage, _schedule_directory(base_dir), "schedules", "job_ticks")
        self._inst_data = inst_data
        DagsterStorage.__init__(self)  # type: ignore[arg-type, no-untyped-call]

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> QuickStorage:
        """The storage that an instance's configuration names."""
        return cls.from_local(inst_data=inst_data, **config_value)


def _opened(kind: Any, folder: str, name: str, last: str) -> Any:
    """The storage in ``folder``; made, or brought into today's form, where table ``last`` or a revision is not there."""
    from dagster._core.storage.sqlite import create_db_conn_string
    from sqlalchemy import inspect

    if (Path(folder) / f"{name}.db").is_file():
        url = create_db_conn_string(folder, name)
        engine = _open(url)
        try:
            if _revision(engine) is not None and inspect(engine).has_table(last):
                return kind(url)
        finally:
            engine.dispose()
    return kind.from_local(folder)


def _revision(engine: Engine) -> str | None:
    """Which of Dagster's migrations a database has; None: it is not made yet."""
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@cache
def _migrations() -> ScriptDirectory:
    from alembic.script import ScriptDirectory
    from dagster._core.storage.sql import get_alembic_config

    return ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__))


def _make_run_database(engine: Engine) -> bool:
    """Make the tables of one run's events in an empty database, as Dagster does; False where it is not empty."""
    from alembic.migration import MigrationContext
    from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
    from sqlalchemy import inspect, text

    if inspect(engine).get_table_names():
        return False
    with engine.connect() as connection:
        connection.execute(text("PRAGMA journal_mode=WAL"))
        SqlEventLogStorageMetadata.create_all(connection)
        MigrationContext.configure(connection).stamp(_migrations(), "head")
        connection.commit()
    return True


def _id(result: Any) -> int:
    return int(result.inserted_primary_key[0])


def _open(url: str, *, shared: bool = True) -> Engine:
    """An engine with one connection that threads share in turn, or one connection a thread at a time."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import QueuePool, StaticPool

    pool: dict[str, Any] = {"poolclass": StaticPool} if shared else {"poolclass": QueuePool, "max_overflow": -1}
    engine = create_engine(url, **pool, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
