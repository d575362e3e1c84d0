"""Dagster's embedded storage, quick enough for ranges of partitions: named as custom storage in ``dagster.yaml``.

It keeps the same databases as Dagster's own SQLite storage, which can take over at any time. What differs: connections
stay open, so that not every event opens, checkpoints and closes a database; the partitions of a range are written in one
transaction; and a commit is handed to the operating system without waiting for the disk (``synchronous=NORMAL`` on a
write-ahead log: a killed process loses nothing, a power cut may lose the newest events and never harms the database).
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, _event_logs_directory

if TYPE_CHECKING:
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


class QuickStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage with :class:`QuickEventLogStorage` for its events."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = QuickEventLogStorage(_event_logs_directory(base_dir))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> QuickStorage:
        """The storage that an instance's configuration names."""
        return cls.from_local(inst_data=inst_data, **config_value)


def _id(result: Any) -> int:
    return int(result.inserted_primary_key[0])


def _open(url: str) -> Engine:
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import StaticPool

    engine = create_engine(url, poolclass=StaticPool, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
