"""Materialize a model and all that it reads in this process, recorded in the project's Dagster instance.

Data sets and features go first, one run per asset over each missing range; then the model's own assets in one run.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg

from mlops_assets.components.ranges import partition_of_run, range_tags, ranges
from mlops_assets.components.tags import COMMAND_TAG, EXIT_CODE, PROCESS_TAG
from mlops_assets.errors import BAD_INPUT, CRASHED, RED, MlopsError
from mlops_assets.instance.opening import open_instance
from mlops_assets.lifecycle.making.dataset import lost_causes
from mlops_assets.lifecycle.needs import Need, Reads, needed_datasets, needed_views, read_by_model, read_by_server
from mlops_assets.lifecycle.workspace import Workspace
from mlops_assets.registry.locks import sqlite_file
from mlops_assets.running.mlflow_sweep import sweep
from mlops_assets.running.processes import Process, end_killed
from mlops_assets.spec.calendar import CalendarError
from mlops_assets.spec.windows import model_partitions

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class RunError(MlopsError):
    """A request that cannot be run, or a run that failed before there was a verdict."""


@dataclass(frozen=True)
class Step:
    """One Dagster run: ``asset`` names what it materializes, ``partitions`` how many partitions of it.

    ``materialized`` has the assets that came to be; those before a failure are among them. ``exit_code`` is that of a command
    which ends with this run (see :mod:`mlops_assets.errors`).
    """

    asset: str
    partitions: int
    dagster_run_id: str
    success: bool
    failure: str | None = None
    materialized: frozenset[str] = frozenset()
    exit_code: int = 0


class StepFailed(RunError):
    """Something that a model reads could not be materialized. ``step`` is the run that failed."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.exit_code = step.exit_code
        super().__init__(f"{step.asset} failed: {str(step.failure).removeprefix(f'{step.asset}: ')}")


def model_key(workspace: Workspace, name: str, as_of: date | datetime | str | None) -> str | None:
    """Partition of model ``name`` that contains ``as_of``; without it the newest complete one; None for an undated model.

    Text is a key, as the model's calendar spells it.

    Raises:
        DefinitionsError: where the model's definition, or one that it needs, has an error.
        MlopsError: for an unknown model, a date outside its data, or a partition that has not ended yet.
    """
    workspace.demand(name)
    model = workspace.catalogue.models.get(name)
    if model is None:
        raise workspace.no_such("model", name, workspace.definitions.models())
    partitions = model_partitions(model, workspace.catalogue)
    if partitions is None:
        if as_of is not None:
            raise RunError(f"{name} is undated: its data has no partitions, so --as-of does not apply.", do="Leave --as-of out.")
        return None
    calendar = partitions.calendar
    newest = calendar.newest_complete(datetime.now(UTC))
    if newest is None:
        until = f" and ends before {partitions.end}" if partitions.end else ""
        raise RunError(f"{name} has no complete partition yet; its calendar begins on {partitions.start}{until}.")
    if as_of is None:
        return newest
    try:
        key = calendar.shift(as_of, 0) if isinstance(as_of, str) else calendar.key_of(as_of)
    except CalendarError as error:
        raise RunError(f"--as-of: {error}.", valid=[f"{calendar.first_key} to {newest}"]) from None
    if not calendar.contains(key) or calendar.start_of(key) > calendar.start_of(newest):
        raise RunError(
            f"{as_of} lies in partition {key}, which is not a complete partition of {name}.",
            valid=[f"{calendar.first_key} to {newest}"],
        )
    return key


class Runner:
    """Runs assets of one project, as its ``definitions`` say.

    ``on_step`` is told of each step before it begins: asset, first and last key, count; ``on_note`` of what is stale and why.
    """

    def __init__(
        self,
        workspace: Workspace,
        definitions: dg.Definitions,
        on_step: Callable[[str, str | None, str | None, int], None] | None = None,
        on_note: Callable[[str], None] | None = None,
    ) -> None:
        self.workspace = workspace
        self.on_step = on_step or (lambda *_: None)
        self.on_note = on_note or (lambda _: None)
        self.instance = open_instance(workspace.settings)
        self._processes = workspace.settings.home / "processes"
        self._process = Process(self._processes)
        weakref.finalize(self, self._process.end)
        self.job = definitions.resolve_implicit_global_asset_job_def()
        self.steps: list[Step] = []
        self._end_what_was_killed()

    def prepare(self, name: str, key: str | None) -> None:
        """Materialize every data set and feature partition that model ``name`` reads at ``key`` and that is missing or stale.

        Raises:
            StepFailed: when one of them fails.
        """
        self._make(read_by_model(self.workspace, name, key))

    def prepare_lookup(self, name: str) -> None:
        """Materialize what the server looks up for model ``name`` at its newest as-of time, where that is missing or stale.

        Raises:
            StepFailed: when a data set or a feature view fails.
        """
        self._make(read_by_server(self.workspace, name))

    def refresh(self, dataset: str, keys: Sequence[str | None]) -> list[Step]:
        """Read partitions of a data set again (None: the whole table); a failed step does not raise here, nor end the others."""
        calendar = self.workspace.catalogue.datasets[dataset].calendar
        dated = [key for key in keys if key is not None]
        spans = [(None, None, 1, 1)] if calendar is None else ranges(calendar, dated)
        steps = []
        for first, last, count, every in spans:
            self.on_step(dataset, first, last, count)
            steps.append(self.run([dataset], first, last, count, every))
        return steps

    def _make(self, reads: Reads) -> None:
        for need in list(needed_datasets(self.workspace, reads.datasets)):
            self._make_good(need)
        for need in list(needed_views(self.workspace, reads.views)):
            self._make_good(need)

    def _make_good(self, need: Need) -> None:
        if need.why:
            self.on_note(need.why)
        if need.calendar is None:
            self._materialize([need.asset], None, None, 1)
            return
        for first, last, count, every in ranges(need.calendar, need.keys):
            self._materialize([need.asset], first, last, count, every)

    def materialize(self, assets: Sequence[str], key: str | None) -> Step:
        """Materialize ``assets`` at ``key`` in one run; a failed step does not raise here."""
        self.on_step(f"{assets[0]} → {assets[-1].rsplit('/', 1)[-1]}", key, key, 1)
        return self.run(assets, key, key, 1)

    def _end_what_was_killed(self) -> None:
        end_killed(self.instance, self._processes)
        file = sqlite_file(self.workspace.settings.mlflow_tracking_uri)
        if file is None or file.exists():
            sweep(self.workspace.registry, self.instance)

    def _materialize(self, assets: Sequence[str], first: str | None, last: str | None, count: int, every: int = 1) -> None:
        self.on_step(assets[-1], first, last, count)
        step = self.run(assets, first, last, count, every)
        if not step.success:
            raise StepFailed(step)

    def run(self, assets: Sequence[str], first: str | None, last: str | None, count: int, every: int = 1) -> Step:
        """One run of ``assets`` over ``count`` partitions, every n-th from ``first`` to ``last``; a failed step does not raise here."""
        result = self.job.execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(asset.split("/")) for asset in assets],
            partition_key=partition_of_run(first, last),
            tags={**range_tags(first, last, every), COMMAND_TAG: "run", PROCESS_TAG: self._process.name},
            run_config=QUIET,
            raise_on_error=False,
        )
        made = frozenset(asset for asset in assets if result.asset_materializations_for_node("__".join(asset.split("/"))))
        failure, code = _failure(result)
        step = Step(assets[-1], count, result.run_id, result.success, failure, made, code)
        self.steps.append(step)
        for cause, count in _lost(result).items():
            many = "1 row of the source is" if count == 1 else f"{count:,} rows of the source are"
            self.on_note(f"{assets[-1]}: {many} in no partition: {cause}")
        return step


def _failure(result: dg.ExecuteInProcessResult) -> tuple[str | None, int]:
    """Why a run failed, and the exit code that this is: what an error said of itself, else that of a red check or of a crash."""
    for event in result.filter_events(lambda e: e.is_step_failure):
        data = event.step_failure_data
        if data.user_failure_data is not None and data.user_failure_data.description:
            code = (data.user_failure_data.metadata or {}).get(EXIT_CODE)
            return str(data.user_failure_data.description), RED if code is None else int(str(code.value))
        error = data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return _blocked(result) or (error.message.strip(), CRASHED)
    return (None, 0) if result.success else ("the run failed before any step began", CRASHED)


def _lost(result: dg.ExecuteInProcessResult) -> dict[str, int]:
    """Rows of a source that no read stores, by cause."""
    found = {}
    for check in result.get_asset_check_evaluations():
        for key, cause in lost_causes().items():
            if (value := check.metadata.get(key)) is not None:
                found[cause] = int(str(value.value))
    return found


def _blocked(result: dg.ExecuteInProcessResult) -> tuple[str, int] | None:
    """The blocking checks that are red, each with what it found; None where none is. A check of data is about input, a gate is not."""
    red = [check for check in result.get_asset_check_evaluations() if check.blocking and not check.passed]
    if not red:
        return None
    told = "; ".join(f"its check {check.check_name} is red{f': {check.description}' if check.description else ''}" for check in red)
    return told, RED if any(check.asset_key.path[-1] == "evaluation" for check in red) else BAD_INPUT
