"""A planned sensor in Dagster's terms. A tick that meets an error of ours is skipped with the reason, and tried again."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.tick import Tick
from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.plan import PlannedSensor


def loop_sensors(workspace: Workspace) -> list[dg.SensorDefinition]:
    """The sensors of the plan that are not Dagster's own automation."""
    return [_build(workspace, planned) for planned in workspace.plan.sensors if planned.kind != "automation"]


def evaluate_tick(workspace: Workspace, planned: PlannedSensor, instance: dg.DagsterInstance) -> Tick:
    """What a sensor of the loop does at one tick; nothing but what it reads decides, so a lost tick is made up by the next."""
    try:
        tick: Tick = import_module(f"mlops_assets.components.sensors.{planned.kind}").tick(workspace, planned.model, instance)
    except MlopsError as error:
        return Tick(said=(f"could not decide, and will try again: {error}",))
    return tick


def _build(workspace: Workspace, planned: PlannedSensor) -> dg.SensorDefinition:
    """The sensor of ``planned``; it runs by default."""

    def evaluate(context):  # type: ignore[no-untyped-def]
        return _result(evaluate_tick(workspace, planned, context.instance))

    return dg.SensorDefinition(
        name=planned.name,
        evaluation_fn=evaluate,
        asset_selection=dg.AssetSelection.assets(*(asset.split("/") for asset in planned.targets)),
        minimum_interval_seconds=planned.seconds,
        description=planned.description,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )


def _result(tick: Tick) -> dg.SensorResult:
    said = "; ".join(tick.said) or "nothing to do"
    if not tick.requests:
        return dg.SensorResult(skip_reason=said)
    dg.get_dagster_logger().info(said)
    return dg.SensorResult(run_requests=list(tick.requests), cursor=said[:2000])
