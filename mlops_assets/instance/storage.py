"""Dagster's embedded storage, quick enough for ranges of partitions: named as custom storage in ``dagster.yaml``.

It keeps the same databases as Dagster's own SQLite storage, which can take over at any time. What differs: connections
stay open, so that not every event opens, checkpoints and closes a database; the partitions of a range are written in one
transaction; the scripts of Dagster's migrations, which say what the newest form of a database is, are read once in a process
and not at each opening; and a commit is handed to the operating system without waiting for the disk (``synchronous=NORMAL`` on a
write-ahead log: a killed process loses nothing, a power cut may lose the newest events and never harms the database).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.instance.databases import OpenDatabase, open_engine, revision
from mlops_assets.instance.events import QuickEventLogStorage
from mlops_assets.instance.private import (
    DagsterSqliteStorage,
    DagsterStorage,
    SqliteRunStorage,
    SqliteScheduleStorage,
    event_logs_directory,
    runs_directory,
    schedule_directory,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from mlops_assets.instance.private import ConfigurableClassData


class _StaysOpen:
    """Connections of a storage of Dagster's that stay open."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._open = OpenDatabase(conn_string)
        super().__init__(conn_string, inst_data)  # type: ignore[call-arg]

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction."""
        with self._open.connect() as connection:
            yield connection

    def dispose(self) -> None:
        """Close every connection."""
        self._open.close()
        super().dispose()  # type: ignore[misc]


class QuickRunStorage(_StaysOpen, SqliteRunStorage):
    """Dagster's SQLite storage of runs with open connections."""


class QuickScheduleStorage(_StaysOpen, SqliteScheduleStorage):
    """Dagster's SQLite storage of ticks with open connections."""


class QuickStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage, quick."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self.base_dir = base_dir
        self._run_storage = _opened(QuickRunStorage, runs_directory(base_dir), "runs", "instance_info")
        self._event_log_storage = QuickEventLogStorage(event_logs_directory(base_dir))
        self._schedule_storage = _opened(QuickScheduleStorage, schedule_directory(base_dir), "schedules", "job_ticks")
        self._inst_data = inst_data
        DagsterStorage.__init__(self)  # type: ignore[arg-type, no-untyped-call]

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> QuickStorage:
        """The storage that an instance's configuration names."""
        return cls.from_local(inst_data=inst_data, **config_value)


def _opened(kind: Any, folder: str, name: str, last: str) -> Any:
    """The storage in ``folder``; made, or brought into today's form, where table ``last`` or a revision is not there."""
    from sqlalchemy import inspect

    from mlops_assets.instance.private import create_db_conn_string

    if (Path(folder) / f"{name}.db").is_file():
        url = create_db_conn_string(folder, name)
        engine = open_engine(url)
        try:
            if revision(engine) is not None and inspect(engine).has_table(last):
                return kind(url)
        finally:
            engine.dispose()
    return kind.from_local(folder)
