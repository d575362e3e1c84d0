"""Schedules, sensors and jobs of a plan in Dagster's terms. What the loop needs runs by default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.ranges import range_tags
from mlops_assets.components.tags import WHY_TAG
from mlops_assets.plan import PlannedAsset, PlannedSchedule, PlannedSensor

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def automation_of(workspace: Workspace) -> dg.Definitions:
    """Everything in the project's plan that starts runs."""
    plan = workspace.plan
    return dg.Definitions(
        jobs=[_job(job.name, job.assets, job.description) for job in plan.jobs],
        schedules=[_schedule(workspace, schedule) for schedule in plan.schedules],
        sensors=[_sensor(sensor) for sensor in plan.sensors if sensor.kind == "automation"],
    )


def _selection(assets: Sequence[str]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(asset.split("/") for asset in assets))


def _job(name: str, assets: Sequence[str], description: str) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(name, selection=_selection(assets), description=description)


def _sensor(sensor: PlannedSensor) -> dg.SensorDefinition:
    return dg.AutomationConditionSensorDefinition(
        sensor.name,
        target=_selection(sensor.assets),
        description=sensor.description,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )


def _schedule(workspace: Workspace, planned: PlannedSchedule) -> dg.ScheduleDefinition:
    asset = workspace.plan.asset(planned.assets[0])
    job = _job(f"{planned.name}_job", planned.assets, planned.description)

    @dg.schedule(
        name=planned.name,
        cron_schedule=planned.cron,
        execution_timezone=planned.timezone,
        job=job,
        description=planned.description,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def schedule(context):  # type: ignore[no-untyped-def]
        return _request(context, workspace, asset)

    return schedule


def _request(context: dg.ScheduleEvaluationContext, workspace: Workspace, asset: PlannedAsset) -> dg.RunRequest | dg.SkipReason:
    """Ask for every complete partition after the newest materialized one, as one run over a range."""
    calendar, now = asset.calendar, context.scheduled_execution_time
    if calendar is None:
        return dg.RunRequest(run_key=now.isoformat(), tags={WHY_TAG: "the schedule's time has come"})
    newest = calendar.newest_complete(now)
    if newest is None:
        return dg.SkipReason(f"No partition of {asset.key} is complete yet; the first one is {calendar.first_key}.")
    materialized = context.instance.get_materialized_partitions(dg.AssetKey(list(asset.parts)))
    known = [key for key in materialized if calendar.contains(key)]
    last = max(known, key=calendar.start_of, default=None)
    if last is not None and calendar.start_of(last) >= calendar.start_of(newest):
        return dg.SkipReason(f"{asset.key} has {newest} already, the newest complete partition.")
    first = newest if last is None or not _catches_up(workspace, asset) else calendar.shift(last, 1)
    if first == newest:
        why = f"{newest} is complete" + ("" if last else f", and {asset.key} has no partition yet")
        return dg.RunRequest(run_key=f"{asset.key}@{newest}", partition_key=newest, tags={WHY_TAG: why})
    why = f"{calendar.distance(first, newest) + 1} partitions are complete since {last}"
    return dg.RunRequest(run_key=f"{asset.key}@{first}…{newest}", tags={**range_tags(first, newest), WHY_TAG: why})


def _catches_up(workspace: Workspace, asset: PlannedAsset) -> bool:
    """Whether past partitions can be made: not a model's, which would be a backtest, nor a snapshot of a source without history."""
    from mlops_assets.data.sources import has_history

    if asset.kind != "dataset":
        return False
    dataset = workspace.catalogue.datasets[asset.declared_by]
    return dataset.kind != "snapshot" or has_history(dataset, workspace.source_context(asset.declared_by))
