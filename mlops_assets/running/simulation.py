"""A project under Dagster's own scheduler, automation and sensor daemons, in one process and on a clock that is moved by hand.

What runs is what a deployment runs: schedules, automation conditions and sensors of the code location, evaluated by the daemons' own code
against a real instance, which keeps their ticks, cursors and run keys. Only the clock is not the wall's, and runs begin and end in
this process, one after the other, as soon as they are asked for. Serves demonstrations and tests of what takes months.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from mlops_assets.components.location import build_definitions
from mlops_assets.instance.private import part
from mlops_assets.lifecycle.workspace import Workspace
from mlops_assets.running.clock import Clock
from mlops_assets.settings import load_settings

INSTANCE = f"""\
storage:
  custom: {{module: mlops_assets.instance.storage, class: QuickStorage, config: {{base_dir: {{env: DAGSTER_HOME}}}}}}
run_launcher: {{module: {part("SyncInMemoryRunLauncher").module}, class: SyncInMemoryRunLauncher}}
run_coordinator: {{module: dagster.core.run_coordinator, class: DefaultRunCoordinator}}
telemetry: {{enabled: false}}
nux: {{enabled: false}}
"""
"""The instance of a simulation: runs are executed where they are asked for."""

ROUND = timedelta(seconds=65)
"""Time between two rounds: longer than any sensor's interval."""
MOST_ROUNDS = 30

defs: dg.Definitions | None = None
"""The code location of the simulation that is open, where Dagster's loader finds it."""


class Simulation:
    """A project whose time is moved by hand. ``runs`` counts the runs that its schedules, automation and sensors asked for."""

    def __init__(self, workspace: Workspace, instance: dg.DagsterInstance, process: Any, clock: Clock) -> None:
        from mlops_assets.instance.private import AssetDaemon

        self.workspace, self.instance, self.clock = workspace, instance, clock
        self._process = process
        self._log = logging.getLogger("mlops.simulation")
        self._log.setLevel(logging.ERROR)
        self._assets = AssetDaemon(settings={}, pre_sensor_interval_seconds=30)
        self._assets._logger.setLevel(logging.ERROR)
        self._iterations: dict[str, Any] = {}
        self.runs = 0

    def settle(self, at: datetime) -> int:
        """Go to ``at`` and let everything that is due happen, and what follows from it; returns how many runs there were."""
        self.clock.to(at)
        begun = self._count()
        for _ in range(MOST_ROUNDS):
            before = self._count()
            self._round()
            if self._count() == before and not self._backfills():
                break
            self.clock.to(self.clock.now() + ROUND)
        self.runs = self._count()
        return self.runs - begun

    def _round(self) -> None:
        from mlops_assets.instance.private import execute_backfill_iteration, execute_sensor_iteration, launch_scheduled_runs

        log, process = self._log, self._process
        list(launch_scheduled_runs(process, log, self.clock.now(), iteration_times=self._iterations))
        self._assets._run_iteration_impl(process, threadpool_executor=None, amp_tick_futures={}, debug_crash_flags={})
        for _ in range(MOST_ROUNDS):
            if not self._backfills():
                break
            list(execute_backfill_iteration(process, log))
        self.clock.to(self.clock.now() + ROUND)
        list(execute_sensor_iteration(process, log, threadpool_executor=None, submit_threadpool_executor=None))

    def _backfills(self) -> bool:
        """Whether automation asked for several partitions at once, which is not done yet."""
        from mlops_assets.instance.private import BulkActionsFilter, BulkActionStatus

        wanted = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]
        return bool(self.instance.get_backfills(filters=BulkActionsFilter(statuses=wanted)))

    def failures(self) -> list[str]:
        """What failed so far: the assets of each failed run."""
        failed = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        return [", ".join(sorted(key.to_user_string() for key in run.asset_selection or ())) or run.job_name for run in failed]

    def _count(self) -> int:
        return self.instance.get_runs_count()

    def ticks(self, sensor: str) -> list[str]:
        """What the newest ticks of a sensor said, newest first."""
        with self._process.create_request_context() as context:
            for location in context.code_locations:
                for repository in location.get_repositories().values():
                    for found in repository.get_sensors():
                        if found.name == sensor:
                            ticks = self.instance.get_ticks(found.get_remote_origin_id(), found.selector_id, limit=50)
                            return [str(tick.skip_reason or tick.cursor or tick.error or tick.status.value) for tick in ticks]
        return []


@contextmanager
def simulate(project: Path, start: datetime) -> Iterator[Simulation]:
    """Open the project at ``project`` with a Dagster instance of its own and the clock at ``start`` (UTC).

    Its folder `dagster_home` is made where it is not there. One simulation at a time in a process.
    """
    from mlops_assets.instance.private import (
        InProcessCodeLocationOrigin,
        InProcessWorkspaceLoadTarget,
        LoadableTargetOrigin,
        WorkspaceProcessContext,
    )

    global defs  # Dagster's loader takes code locations from modules.
    home = project / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").is_file():
        (home / "dagster.yaml").write_text(INSTANCE, encoding="utf-8")
    clock = Clock(start.astimezone(UTC))
    workspace = Workspace(load_settings(project))
    workspace.now = clock.now  # type: ignore[method-assign]
    workspace.ledger.now = clock.now  # type: ignore[method-assign]
    workspace.journal_clock = clock.at
    with ExitStack() as stack:
        stack.enter_context(_environment(DAGSTER_HOME=str(home), MLOPS_PROJECT=str(project)))
        defs = build_definitions(workspace)
        stack.enter_context(_dagster_clock(clock))
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
        target = LoadableTargetOrigin(executable_path=sys.executable, module_name=__name__, attribute="defs")
        origin = InProcessCodeLocationOrigin(target, location_name="mlops_assets")
        process = stack.enter_context(WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)))
        yield Simulation(workspace, instance, process, clock)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


@contextmanager
def _dagster_clock(clock: Clock) -> Iterator[None]:
    """Dagster reads its clock through two functions, so that it can be set."""
    from mlops_assets.instance.private import part
    from mlops_assets.instance.private import time as dagster_time

    names = part("time").members
    before = [getattr(dagster_time, name) for name in names]
    setattr(dagster_time, names[0], clock.now)
    setattr(dagster_time, names[1], lambda: clock.now().timestamp())
    try:
        yield
    finally:
        for name, function in zip(names, before, strict=True):
            setattr(dagster_time, name, function)
