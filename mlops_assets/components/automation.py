"""Schedules, sensors and jobs of a plan in Dagster's terms. What the loop needs runs by default."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from mlops_assets.components.runner import RANGE_END_TAG, RANGE_START_TAG
from mlops_assets.plan import Plan, PlannedAsset, PlannedSchedule, PlannedSensor


def automation_of(plan: Plan) -> dg.Definitions:
    """Everything in ``plan`` that starts runs."""
    return dg.Definitions(
        jobs=[_job(job.name, job.assets, job.description) for job in plan.jobs],
        schedules=[_schedule(plan, schedule) for schedule in plan.schedules],
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


def _schedule(plan: Plan, planned: PlannedSchedule) -> dg.ScheduleDefinition:
    asset = plan.asset(planned.assets[0])
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
        return _request(context, asset)

    return schedule


def _request(context: dg.ScheduleEvaluationContext, asset: PlannedAsset) -> dg.RunRequest | dg.SkipReason:
    """Ask for every complete partition after the newest materialized one, as one run over a range."""
    if asset.calendar is None:
        return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat())
    newest = asset.calendar.newest_complete(context.scheduled_execution_time)
    if newest is None:
        return dg.SkipReason(f"no partition of {asset.key} is complete yet")
    materialized = context.instance.get_materialized_partitions(dg.AssetKey(list(asset.parts)))
    known = [key for key in materialized if asset.calendar.contains(key)]
    if not known or asset.kind != "dataset":
        if newest in known:
            return dg.SkipReason(f"{asset.key} has {newest} already")
        return dg.RunRequest(run_key=f"{asset.key}@{newest}", partition_key=newest)
    last = max(known, key=asset.calendar.start_of)
    missing = asset.calendar.between(asset.calendar.shift(last, 1), newest)
    if not missing:
        return dg.SkipReason(f"{asset.key} has {newest} already")
    if len(missing) == 1:
        return dg.RunRequest(run_key=f"{asset.key}@{newest}", partition_key=newest)
    return dg.RunRequest(run_key=f"{asset.key}@{missing[0]}…{newest}", tags={RANGE_START_TAG: missing[0], RANGE_END_TAG: newest})
