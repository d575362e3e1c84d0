"""Dagster's event log with open connections, and the partitions of a range in one transaction."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from mlops_assets.instance.databases import open_engine, revision
from mlops_assets.instance.private import ASSET_EVENTS, INDEX_SHARD_NAME, SqliteEventLogStorage, sqlite_event_log

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory
    from dagster import EventLogEntry
    from sqlalchemy.engine import Connection, Engine

    from mlops_assets.instance.private import ConfigurableClassData

BATCH_SIZE = "DAGSTER_EVENT_BATCH_SIZE"
"""Environment variable that makes Dagster hand over the events of a range together, at most so many at a time."""

_OPEN_RUNS = 8


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

        if revision(engine) is not None:
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
            engine = self._engines[shard] = open_engine(self.conn_string_for_shard(shard))
        self._engines.move_to_end(shard)
        runs = [name for name in self._engines if name != INDEX_SHARD_NAME]
        for name in runs[:-_OPEN_RUNS]:
            self._close(name)
        return engine

    def _close(self, shard: str) -> None:
        engine = self._engines.pop(shard, None)
        if engine is not None:
            engine.dispose()


@cache
def _migrations() -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    from mlops_assets.instance.private import get_alembic_config

    return ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__))


def _make_run_database(engine: Engine) -> bool:
    """Make the tables of one run's events in an empty database, as Dagster does; False where it is not empty."""
    from alembic.migration import MigrationContext
    from sqlalchemy import inspect, text

    from mlops_assets.instance.private import SqlEventLogStorageMetadata

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
