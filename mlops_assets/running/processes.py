"""Runs that a `mlops` process carries out by itself, and those whose process was killed: a lock tells them apart.

The operating system lets go of a lock when its process ends, however it ends. So a run whose lock is free has nobody who will end it.
"""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

from mlops_assets.components.tags import PROCESS_TAG

_GOING = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


class Process:
    """This process, as long as the object lives. ``name`` belongs into the tags of its runs."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._lock = FileLock(folder / f"{self.name}.lock")
        self._lock.acquire()

    def end(self) -> None:
        """Say that no run of it is going any more."""
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


def end_killed(instance: dg.DagsterInstance, folder: Path) -> list[str]:
    """End every run whose process is gone as failed, give back the places in pools that it held, and return the ids of these runs.

    A process on another machine counts as alive, unless it shares ``folder`` by a file system with locks.
    """
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_GOING)):
        name = run.tags.get(PROCESS_TAG)
        if name is None or not _is_gone(folder / f"{name}.lock"):
            continue
        instance.report_run_failed(run, "The process that carried this run out was killed.")
        if instance.event_log_storage.supports_global_concurrency_limits:
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        ended.append(run.run_id)
    for file in folder.glob("*.lock"):
        _is_gone(file)
    return ended


def _is_gone(file: Path) -> bool:
    """Whether nobody holds the lock ``file``; a free one is removed."""
    if not file.exists():
        return file.name.startswith(f"{socket.gethostname()}-")
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    file.unlink(missing_ok=True)
    return True
