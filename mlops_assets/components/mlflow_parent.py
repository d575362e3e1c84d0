"""The MLflow run that stands for a whole Dagster run, begun through dagster-mlflow and ended with the right status."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster import DagsterEventType

from mlops_assets.components.tags import PARTITION_TAG, RANGE_END_TAG

if TYPE_CHECKING:
    from mlops_assets.registry import Registry
    from mlops_assets.registry.runs import Status
    from mlops_assets.settings import Settings


def mlflow_parent(settings: Settings) -> dg.ResourceDefinition:
    """A resource for assets that log to MLflow: it begins the parent run before the first step and ends it after the last.

    Where all steps share a process, dagster-mlflow's own run is the parent, and it is MLflow's active run meanwhile.
    Where each step has a process of its own, the steps attach to one parent by its tag, and whichever step comes last ends it.
    A run whose process dies ends nothing: the sensors of :mod:`mlops_assets.components.mlflow_runs` do.
    """

    @dg.resource(description="The MLflow run of this Dagster run.")
    def mlflow(context: dg.InitResourceContext) -> Iterator[Registry]:
        from mlops_assets.registry import open_registry

        registry = open_registry(settings.mlflow_tracking_uri, settings.mlflow_artifacts, ui=settings.mlflow_ui)
        run, instance = context.run, context.instance
        if run is None or instance is None:
            yield registry
            return
        if _has_step_processes(instance, run.run_id):
            registry.parent_run(run.run_id, run_name(run), _tags(run))
            try:
                yield registry
            finally:
                _conclude(registry, instance, run)
            return
        with registry.as_default(), _begun(registry, context, run):
            try:
                yield registry
            finally:
                _end_active_runs(_status(instance, run.run_id))

    return mlflow


def run_name(run: dg.DagsterRun) -> str:
    """What the parent run is called: the models or data sets of the run, and its partition."""
    selected = sorted({key.path[0] for key in run.asset_selection or ()})
    name = ", ".join(selected[:3]) + (f" and {len(selected) - 3} more" if len(selected) > 3 else "")
    partition = run.tags.get(PARTITION_TAG) or run.tags.get(RANGE_END_TAG)
    return (name or run.job_name) + (f"@{partition}" if partition else "")


@contextmanager
def _begun(registry: Registry, context: dg.InitResourceContext, run: dg.DagsterRun) -> Iterator[None]:
    from mlops_assets.registry.locks import exclusive

    with warnings.catch_warnings():
        # All of dagster-mlflow is marked beta; that it is used is a decision, not news for every run.
        warnings.simplefilter("ignore", dg.BetaWarning)
        from dagster_mlflow.resources import MlFlow

        config = {
            "experiment_name": registry.experiment,
            "mlflow_tracking_uri": registry.tracking_uri,
            "extra_tags": _tags(run),
        }
        with exclusive(registry.tracking_uri):
            MlFlow(  # type: ignore[no-untyped-call]
                SimpleNamespace(
                    log=_Silent(), dagster_run=SimpleNamespace(job_name=run_name(run)), run_id=run.run_id, resource_config=config
                )
            )
    yield


class _Silent:
    """dagster-mlflow tells Dagster's log of every run that it begins; the link stands in the metadata already."""

    def info(self, message: str) -> None:
        """Say nothing."""


def _tags(run: dg.DagsterRun) -> dict[str, str]:
    from mlops_assets.registry import tags

    return {tags.DAGSTER_RUN: run.run_id, tags.DAGSTER_JOB: run.job_name, tags.KIND: "dagster_run"}


def _end_active_runs(status: Status) -> None:
    import mlflow

    # A user's function may have begun runs of its own on top of ours and not ended them.
    while mlflow.active_run() is not None:
        mlflow.end_run(status)


def _has_step_processes(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether an executor began this step in a process of its own (multiprocess, forkserver, one container a step)."""
    return bool(instance.all_logs(run_id, of_type=DagsterEventType.STEP_WORKER_STARTING))


def _status(instance: dg.DagsterInstance, run_id: str) -> Status:
    found = set(_steps(instance, run_id).values())
    if "FAILURE" in found:
        return "FAILED"
    return "KILLED" if "IN_PROGRESS" in found else "FINISHED"


def _conclude(registry: Registry, instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """End the parent if no step is left to come."""
    steps = _steps(instance, run.run_id)
    if "IN_PROGRESS" in steps.values():
        return
    if "FAILURE" in steps.values():
        registry.end_parent(run.run_id, "FAILED")
    elif _planned(instance, run) <= set(steps):
        registry.end_parent(run.run_id, "FINISHED")


def _steps(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    """Status (SUCCESS, FAILURE, SKIPPED, IN_PROGRESS) of each step that began."""
    return {step.step_key: step.status.value for step in instance.get_run_step_stats(run_id) if step.status is not None}


def _planned(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[str]:
    if run.step_keys_to_execute:
        return set(run.step_keys_to_execute)
    if run.execution_plan_snapshot_id is None:
        return set()
    snapshot: Any = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    return set(snapshot.step_keys_to_execute)
