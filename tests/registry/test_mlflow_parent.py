"""The parent run of a Dagster run, begun through dagster-mlflow: it ends as the Dagster run ends, in every executor."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from mlops_assets.components.mlflow_parent import mlflow_parent
from mlops_assets.components.mlflow_runs import mlflow_sensors
from mlops_assets.registry import Registry
from mlops_assets.running.mlflow_sweep import sweep

SWITCH = "SWITCH"
REPOSITORY = Path(__file__).resolve().parents[2]


def assets_of(home: Path, *, inside: list[str] | None = None) -> tuple[list[dg.AssetsDefinition], dict[str, dg.ResourceDefinition]]:
    """Two assets that log to MLflow; the second fails while the file SWITCH exists."""
    settings = SimpleNamespace(mlflow_tracking_uri=f"sqlite:///{home / 'mlflow.db'}", mlflow_artifacts=str(home / "artifacts"))
    settings.mlflow_ui = "http://127.0.0.1:5000"

    @dg.asset(key=["churn", "model"], required_resource_keys={"mlflow"})
    def model(context) -> None:
        with context.resources.mlflow.step_run(context.run.run_id, "churn/model", attempt=context.retry_number) as step:
            step.log_metrics({"seconds": 1.0})
            if inside is not None:
                import mlflow

                active = mlflow.active_run()
                inside.append(active.info.run_id if active else "")

    @dg.asset(key=["churn", "evaluation"], deps=[model], required_resource_keys={"mlflow"}, retry_policy=dg.RetryPolicy(max_retries=1))
    def evaluation(context) -> None:
        with context.resources.mlflow.step_run(context.run.run_id, "churn/evaluation", attempt=context.retry_number):
            if (home / SWITCH).exists():
                raise dg.Failure("a red gate", allow_retries=(home / SWITCH).read_text() == "retry")

    return [model, evaluation], {"mlflow": mlflow_parent(settings)}  # type: ignore[arg-type]


def statuses(registry: Registry, dagster_run_id: str) -> dict[str, str]:
    found = registry.client.search_runs([registry.experiment_id], f"tags.`dagster.run_id` = '{dagster_run_id}'")
    return {"parent" if "dagster_run_id" in run.data.tags else run.info.run_name: run.info.status for run in found}


@pytest.fixture
def run(home):
    import mlflow

    assets, resources = assets_of(home)

    def materialize() -> dg.ExecuteInProcessResult:
        result = dg.materialize(assets, resources=resources, raise_on_error=False)
        assert mlflow.active_run() is None
        assert not mlflow.is_tracking_uri_set()
        return result

    return materialize


def test_success_failure_success_in_one_process_come_out_right_and_apart(home, registry, run):
    results = [run()]
    (home / SWITCH).write_text("")
    results.append(run())
    (home / SWITCH).unlink()
    results.append(run())
    assert [result.success for result in results] == [True, False, True]
    ends = [statuses(registry, result.run_id) for result in results]
    good = {"parent": "FINISHED", "churn/model": "FINISHED", "churn/evaluation": "FINISHED"}
    assert ends == [good, {**good, "parent": "FAILED", "churn/evaluation": "FAILED"}, good]
    assert registry.open_dagster_runs() == []


def test_the_parent_is_the_run_of_dagster_mlflow_and_active_while_steps_run(home, registry):
    inside: list[str] = []
    assets, resources = assets_of(home, inside=inside)
    result = dg.materialize(assets, resources=resources)
    assert inside == [registry.parent_run(result.run_id)]


def test_each_attempt_is_a_run_and_a_retry_that_fails_fails_the_parent(home, registry, run):
    (home / SWITCH).write_text("retry")
    ends = statuses(registry, run().run_id)
    assert ends["churn/evaluation"] == ends["churn/evaluation (attempt 2)"] == ends["parent"] == "FAILED"


def multiprocess_job(home: str) -> dg.JobDefinition:
    """The same assets, each step in a process of its own, which rebuilds them."""
    assets, resources = assets_of(Path(home))
    executor = dg.multiprocess_executor.configured({"start_method": {"forkserver": {"preload_modules": ["mlflow", "dagster_mlflow"]}}})
    job = dg.define_asset_job("lifecycle", executor_def=executor)
    return dg.Definitions(assets=assets, resources=resources, jobs=[job]).resolve_job_def("lifecycle")


def test_steps_in_processes_of_their_own_attach_to_one_parent_and_a_failed_run_ends_failed(home, registry):
    (home / SWITCH).write_text("")
    job = dg.build_reconstructable_job(__name__, "multiprocess_job", (str(home),), reconstructor_working_directory=str(REPOSITORY))
    with (
        dg.instance_for_test() as instance,
        dg.execute_job(job, instance=instance, raise_on_error=False) as result,
    ):
        assert not result.success
        ends = statuses(registry, result.run_id)
    assert ends == {"parent": "FAILED", "churn/model": "FINISHED", "churn/evaluation": "FAILED"}
    assert registry.open_dagster_runs() == []


def test_where_steps_have_processes_the_parent_ends_finished_only_when_no_step_is_left(home, registry, run, monkeypatch):
    monkeypatch.setattr("mlops_assets.components.mlflow_parent._has_step_processes", lambda *_: True)
    ended: list[str] = []
    monkeypatch.setattr(Registry, "end_parent", lambda self, run_id, status: ended.append(status))
    run()
    monkeypatch.setattr(
        "mlops_assets.components.mlflow_parent._planned", lambda *_: {"churn__model", "churn__evaluation", "churn__candidate"}
    )
    run()
    assert ended == ["FINISHED"]


def test_the_sweep_ends_runs_of_dagster_runs_that_are_over_and_leaves_the_others(registry):
    with dg.instance_for_test() as instance:
        ended = {
            status: instance.create_run_for_job(dg.job(name="j")(lambda: None), status=status).run_id
            for status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.STARTED)
        }
        for run_id in [*ended.values(), "unknown"]:
            registry.parent_run(run_id, "churn")
        going = ended.pop(dg.DagsterRunStatus.STARTED)
        assert sorted(sweep(registry, instance)) == sorted([*ended.values(), "unknown"])
        assert registry.open_dagster_runs() == [going]
        assert statuses(registry, ended[dg.DagsterRunStatus.FAILURE]) == {"parent": "FAILED"}
        assert statuses(registry, ended[dg.DagsterRunStatus.CANCELED]) == {"parent": "KILLED"}


def test_a_sensor_ends_the_runs_of_a_dagster_run_whose_process_was_killed(home, registry):
    settings = SimpleNamespace(mlflow_tracking_uri=registry.tracking_uri, mlflow_artifacts="", mlflow_ui=registry.ui)
    failed, canceled = mlflow_sensors(settings)  # type: ignore[arg-type]
    assert {sensor.default_status for sensor in (failed, canceled)} == {dg.DefaultSensorStatus.RUNNING}
    with dg.instance_for_test() as instance:
        run = instance.create_run_for_job(dg.job(name="j")(lambda: None), status=dg.DagsterRunStatus.STARTED)
        step = registry.step_run(run.run_id, "churn/model")
        step.__enter__()
        instance.report_run_failed(run)
        event = instance.all_logs(run.run_id)[-1].dagster_event
        assert event is not None
        finished = instance.get_run_by_id(run.run_id)
        assert finished is not None
        failed(dg.build_run_status_sensor_context("s", event, instance, finished))
        assert set(statuses(registry, run.run_id).values()) == {"FAILED"}
