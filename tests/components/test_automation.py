"""Schedules and sensors: what starts runs by itself, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from mlops_assets.components.automation import WHY_TAG
from tests.components.project import KEY, Shop


def tick(shop: Shop, name: str, at: datetime) -> Any:
    """What a schedule answers at a time: run requests or a skip."""
    repository = shop.definitions().get_repository_def()
    schedule = repository.get_schedule_def(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(shop.folder / "dagster_home"))
        with dg.build_schedule_context(shop.instance, at, repository_def=repository) as context:
            return schedule.evaluate_tick(context)


def test_a_new_partition_is_asked_for_when_it_is_complete(data: Shop) -> None:
    answer = tick(data, "orders_new_data", datetime(2026, 1, 16, 1, tzinfo=UTC))
    assert [(request.partition_key, request.tags[WHY_TAG]) for request in answer.run_requests] == [("2026-01-15", "2026-01-15 is complete")]


def test_days_off_are_caught_up_in_one_run(data: Shop) -> None:
    answer = tick(data, "orders_new_data", datetime(2026, 1, 20, 1, tzinfo=UTC))
    (request,) = answer.run_requests
    assert request.partition_key is None
    assert request.tags[WHY_TAG] == "5 partitions are complete since 2026-01-14"
    job = data.definitions().resolve_job_def("orders_new_data_job")
    assert job.execute_in_process(instance=data.instance, tags=request.tags).success
    assert data.workspace.store.partitions("orders")[-1] == "2026-01-19"
    assert data.version("orders", "2026-01-17") == data.workspace.store.current("orders", "2026-01-17").digest


def test_nothing_new_is_skipped_with_the_reason(data: Shop) -> None:
    answer = tick(data, "orders_new_data", datetime(2026, 1, 15, 1, tzinfo=UTC))
    assert not answer.run_requests
    assert answer.skip_message == "orders has 2026-01-14 already, the newest complete partition."


def test_before_the_first_partition_it_says_so(data: Shop) -> None:
    answer = tick(data, "orders_new_data", datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert "No partition of orders is complete yet" in answer.skip_message


def test_a_snapshot_without_history_is_taken_as_it_is_now(data: Shop) -> None:
    data.edit(
        "---\ntype: mlops_assets.FeatureView",
        """---
type: mlops_assets.Dataset
attributes:
  name: stock
  kind: snapshot
  source: {csv: data/stock.csv}
  partitions: {every: day, start: 2026-01-01}
---
type: mlops_assets.FeatureView""",
    )
    data.instance.report_runless_asset_event(dg.AssetMaterialization("stock", partition="2026-01-05"))
    (request,) = tick(data, "stock_new_data", datetime(2026, 1, 16, 1, tzinfo=UTC)).run_requests
    assert request.partition_key == "2026-01-15"


def test_a_model_is_trained_by_its_schedule_on_the_newest_partition_alone(trained: Shop) -> None:
    trained.edit("  gates:\n", "  retrain: {schedule: weekly}\n  gates:\n")
    (request,) = tick(trained, "churn_training", datetime(2026, 3, 2, 5, tzinfo=UTC)).run_requests
    assert request.partition_key == "2026-03-01"
    assert KEY < "2026-03-01"


def test_what_the_loop_needs_runs_by_default(trained: Shop) -> None:
    definitions = trained.definitions()
    schedules = {schedule.name: schedule.default_status for schedule in definitions.schedules or ()}
    sensors = {sensor.name: sensor.default_status for sensor in definitions.sensors or ()}
    assert schedules["orders_new_data"] is dg.DefaultScheduleStatus.RUNNING
    assert sensors["features_follow_data"] is dg.DefaultSensorStatus.RUNNING
    assert sensors["mlflow_runs_of_failure_runs"] is dg.DefaultSensorStatus.RUNNING


@pytest.mark.parametrize("status", ["failure", "canceled"])
def test_mlflow_sensors_say_why_they_do_nothing(data: Shop, status: str) -> None:
    sensor = data.definitions().resolve_sensor_def(f"mlflow_runs_of_{status}_runs")
    assert sensor.description is not None
