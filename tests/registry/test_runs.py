"""Runs in MLflow: parents, steps, attempts, and what a dead process leaves behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_assets.errors import MlopsError
from mlops_assets.modeling.tuning import Trial
from mlops_assets.registry import Registry, RegistryError, open_registry


def run_of(registry: Registry, run_id: str):
    return registry.client.get_run(run_id)


def open_runs(registry: Registry) -> list[str]:
    return [run.info.run_name for run in registry.client.search_runs([registry.experiment_id], "attributes.status = 'RUNNING'")]


def all_runs(registry: Registry):
    return registry.client.search_runs([registry.experiment_id])


def artifacts(registry: Registry, run_id: str, path: str | None = None) -> list[str]:
    found = []
    for item in registry.client.list_artifacts(run_id, path):
        found += artifacts(registry, run_id, item.path) if item.is_dir else [item.path]
    return sorted(found)


def test_a_step_is_a_finished_run_below_the_parent_of_its_dagster_run(registry):
    with registry.step_run("d1", "churn/model", "2026-01-01", job="churn", model="churn") as step:
        assert run_of(registry, step.run_id).info.status == "RUNNING"
    run = run_of(registry, step.run_id)
    parent = run_of(registry, registry.parent_run("d1"))
    assert (run.info.status, run.info.run_name) == ("FINISHED", "churn/model@2026-01-01")
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert run.data.tags["dagster.run_id"] == parent.data.tags["dagster_run_id"] == "d1"
    assert (run.data.tags["dagster.asset"], run.data.tags["dagster.partition"]) == ("churn/model", "2026-01-01")
    registry.finish("d1", "FINISHED")
    assert open_runs(registry) == []


def test_steps_of_one_dagster_run_share_a_parent_and_another_dagster_run_has_its_own(registry, open_again):
    other_process = open_again()
    with registry.step_run("d1", "a"), other_process.step_run("d1", "b"), registry.step_run("d2", "a"):
        pass
    assert registry.parent_run("d1") == other_process.parent_run("d1") != registry.parent_run("d2")


def test_a_step_that_raises_is_failed_and_the_exception_goes_on(registry):
    with pytest.raises(ZeroDivisionError), registry.step_run("d1", "churn/model") as step:
        _ = 1 / 0
    run = run_of(registry, step.run_id)
    assert (run.info.status, run.data.tags["mlops.failure"]) == ("FAILED", "ZeroDivisionError")


def test_our_own_errors_are_told_and_foreign_ones_are_not_since_they_may_quote_rows(registry):
    with pytest.raises(MlopsError), registry.step_run("d1", "churn/model") as ours:
        raise MlopsError("the label has one class.")
    with pytest.raises(ValueError, match="Ada"), registry.step_run("d1", "churn/model") as foreign:
        raise ValueError("could not convert 'Ada Lovelace' to float")
    assert run_of(registry, ours.run_id).data.tags["mlops.failure"] == "MlopsError: the label has one class."
    assert "Ada" not in str(run_of(registry, foreign.run_id).data.tags)


def test_an_interrupted_step_is_killed(registry):
    with pytest.raises(KeyboardInterrupt), registry.step_run("d1", "churn/model") as step:
        raise KeyboardInterrupt
    assert run_of(registry, step.run_id).info.status == "KILLED"


def test_an_error_of_the_body_is_not_replaced_by_one_of_mlflow(registry, monkeypatch, caplog):
    def gone(*_args: object, **_kwargs: object) -> None:
        raise ConnectionError("the database is gone")

    monkeypatch.setattr(registry.client, "set_terminated", gone)
    with pytest.raises(ZeroDivisionError), registry.step_run("d1", "churn/model"):
        _ = 1 / 0
    assert "the database is gone" in caplog.text


def test_finish_gives_the_parent_the_status_of_the_dagster_run_even_if_it_ended_otherwise(registry):
    with registry.step_run("d1", "a"):
        pass
    registry.finish("d1", "FINISHED")
    registry.finish("d1", "FAILED")
    assert run_of(registry, registry.parent_run("d1")).info.status == "FAILED"


def test_a_retry_is_a_run_of_its_own_and_ends_the_attempt_that_a_dead_process_left_open(registry):
    abandoned = [registry.step_run("d1", "churn/model", key) for key in ("2026-01-01", "2026-02-01")]
    first, other = [step.__enter__() for step in abandoned]
    with registry.step_run("d1", "churn/model", "2026-01-01", attempt=1) as second:
        pass
    assert run_of(registry, first.run_id).info.status == "FAILED"
    assert run_of(registry, other.run_id).info.status == "RUNNING"
    assert run_of(registry, second.run_id).info.run_name == "churn/model@2026-01-01 (attempt 2)"


def test_a_killed_process_leaves_runs_open_and_the_sweep_ends_them(registry):
    script = (
        "import sys\nfrom mlops_assets.registry import open_registry\n"
        "registry = open_registry(sys.argv[1])\n"
        "with registry.step_run('dead', 'churn/model'):\n"
        "    print('open', flush=True)\n    import time\n    time.sleep(60)\n"
    )
    with registry.step_run("alive", "churn/model"):
        process = subprocess.Popen([sys.executable, "-c", script, registry.tracking_uri], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "open"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert registry.open_dagster_runs() == ["alive", "dead"]
        assert len(registry.close_stale("dead")) == 2
        assert registry.open_dagster_runs() == ["alive"]
        assert registry.close_stale("dead") == []
    registry.finish("alive", "FINISHED")
    assert open_runs(registry) == []


def _first_step(uri: str, artifact_root: str, barrier) -> None:  # type: ignore[no-untyped-def]
    import mlflow  # noqa: F401  # so that all begin at once

    barrier.wait(60)
    with open_registry(uri, artifact_root).step_run("d1", f"asset_{os.getpid()}") as step:
        step.log_metrics({"seconds": time.time()})


def test_four_processes_may_take_the_first_step_of_a_new_project_at_once(tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow", "mlops_assets.registry"])
    uri, root = f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}", str(tmp_path / "artifacts")
    barrier = context.Barrier(4)
    processes = [context.Process(target=_first_step, args=(uri, root, barrier)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    registry = open_registry(uri, root)
    runs = all_runs(registry)
    parents = [run for run in runs if "dagster_run_id" in run.data.tags]
    assert (len(runs), len(parents)) == (5, 1)
    assert {run.data.tags.get("mlflow.parentRunId") for run in runs} == {None, parents[0].info.run_id}


def test_nested_parameters_intervals_and_odd_names_are_logged_flat(registry):
    with registry.step_run("d1", "churn/model") as step:
        step.log_params({"estimator": {"lightgbm": {"num_leaves": 31, "verbose": False}}, "columns": ["a", "b"], "absent": None})
        step.log_params({f"p{i}": i for i in range(250)})
        step.log_metrics({"roc_auc": {"value": 0.8, "interval": [0.7, 0.9], "n": 100}, "rmse[region=Nord]": 2.5, "mae": None})
        step.log_metrics({"mape": {"value": None, "interval": None, "n": 0}, "r2": {"value": 0.5, "interval": None, "n": 9}})
    run = run_of(registry, step.run_id)
    assert run.data.params["estimator.lightgbm.num_leaves"] == "31"
    assert run.data.params["estimator.lightgbm.verbose"] == "false"
    assert run.data.params["columns"] == '["a", "b"]'
    assert len(run.data.params) == 253
    assert run.data.metrics == {
        "roc_auc": 0.8,
        "roc_auc_low": 0.7,
        "roc_auc_high": 0.9,
        "roc_auc_n": 100,
        "rmse_region_Nord_": 2.5,
        "mape_n": 0,
        "r2": 0.5,
        "r2_n": 9,
    }


def test_data_versions_are_logged_in_full_and_one_input_per_data_set(registry):
    inputs = {"orders@2026-01-01": "a" * 64, "orders@2026-01-02": "b" * 64, "customers": "c" * 64}
    with registry.step_run("d1", "churn/model") as step:
        step.log_data_versions("d" * 64, inputs)
    run = run_of(registry, step.run_id)
    assert {shown.dataset.name for shown in run.inputs.dataset_inputs} == {"training_set", "orders", "customers"}
    assert run.data.tags["data.customers"] == "c" * 64
    assert artifacts(registry, step.run_id) == ["data_versions.json"]


def test_trials_are_runs_below_the_step_with_their_state(registry):
    trials = [
        Trial(0, {"num_leaves": 31}, 0.8, "complete", 1.0, (0.79, 0.81)),
        Trial(1, {"num_leaves": 4}, None, "pruned", 0.5, (0.6,)),
        Trial(2, {"num_leaves": 64}, None, "failed", 0.1, (), "too few rows"),
    ]
    with registry.step_run("d1", "churn/model") as step:
        step.log_trials(trials, "roc_auc")
    found = registry.client.search_runs([registry.experiment_id], f"tags.`mlflow.parentRunId` = '{step.run_id}'")
    by_name = {run.info.run_name: run for run in found}
    assert {name: run.info.status for name, run in by_name.items()} == {"trial 0": "FINISHED", "trial 1": "FINISHED", "trial 2": "FAILED"}
    assert by_name["trial 0"].data.metrics["roc_auc"] == 0.8
    assert by_name["trial 1"].data.metrics["roc_auc_fold_0"] == 0.6
    assert by_name["trial 2"].data.tags["mlops.failure"] == "too few rows"


def test_an_evaluation_is_logged_with_its_verdict_and_figures_and_shows_on_the_model_that_was_judged(registry, bundles):
    with registry.step_run("d1", "churn/model") as step:
        logged = step.log_bundle(bundles[0].folder, bundles[0])
    evaluation = {"metrics": {"roc_auc": {"value": 0.8, "interval": [0.7, 0.9], "n": 100}}, "digests": {"bundle": bundles[0].digest}}
    with registry.step_run("d1", "churn/evaluation") as step:
        step.log_evaluation(evaluation, {"id": "v" * 64, "status": "pass"}, {"ROC curve": b"\x89PNG"})
    assert artifacts(registry, step.run_id) == ["evaluation.json", "figures/roc_curve.png", "verdict.json"]
    assert run_of(registry, step.run_id).data.tags["mlops.verdict_status"] == "pass"
    judged = registry.client.get_logged_model(logged.model_id)
    assert {metric.key: metric.value for metric in judged.metrics}["roc_auc_low"] == 0.7


def test_links_open_the_page_of_the_run_in_the_ui_that_is_set(open_again):
    registry = open_again(ui="https://mlflow.example.org/")
    with registry.step_run("d1", "churn/model") as step:
        assert step.url == f"https://mlflow.example.org/#/experiments/{registry.experiment_id}/runs/{step.run_id}"
    assert registry.version_url("churn", 3) == "https://mlflow.example.org/#/models/churn/versions/3"


def test_opening_says_nothing_and_leaves_mlflows_default_store_alone(tmp_path):
    script = (
        "import sys, os\nfrom mlops_assets.registry import open_registry\n"
        "with open_registry(sys.argv[1], sys.argv[2]).step_run('d', 'a') as step: step.log_metrics({'a': 1.0})\n"
        "import mlflow\nassert not mlflow.is_tracking_uri_set()\nassert mlflow.active_run() is None\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, f"sqlite:///{tmp_path / 'home' / 'mlflow.db'}", str(tmp_path / "artifacts")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["artifacts", "home"] or sorted(p.name for p in tmp_path.iterdir()) == [
        "home"
    ]


def test_a_database_of_another_mlflow_is_refused_with_what_to_do(home, open_again):
    import sqlite3

    with sqlite3.connect(home / "mlflow.db") as connection:
        connection.execute("update alembic_version set version_num = '451aebb31d03'")
    with pytest.raises(RegistryError, match="mlflow db upgrade"):
        open_again()


def test_a_deleted_experiment_is_refused_with_what_to_do(registry, open_again):
    registry.client.delete_experiment(registry.experiment_id)
    with pytest.raises(RegistryError, match="mlflow experiments restore"):
        open_again()
