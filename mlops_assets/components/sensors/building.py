"""A planned sensor in Dagster's terms. A tick that meets an error of ours is skipped with the reason, and tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.sensors.alerts import tick_alerts
from mlops_assets.components.sensors.labels import tick_labels
from mlops_assets.components.sensors.promotion import tick_promotion
from mlops_assets.components.sensors.retirement import tick_retirement
from mlops_assets.components.sensors.retraining import tick_retraining
from mlops_assets.components.sensors.tick import Tick
from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from mlops_assets.components.workspace import Workspace
    from mlops_assets.plan import PlannedSensor

Ticking = Callable[["Workspace", str, dg.DagsterInstance], Tick]

_TICKS: dict[str, Ticking] = {
    "retraining": tick_retraining,
    "promotion": tick_promotion,
    "alerts": tick_alerts,
    "retirement": tick_retirement,
}
_SECONDS = {"labels": 60, "retraining": 60, "promotion": 30, "alerts": 30, "retirement": 3600}


def build(workspace: Workspace, planned: PlannedSensor) -> dg.SensorDefinition:
    """The sensor of ``planned``; it runs by default."""
    assets = [*planned.assets]
    if planned.kind == "retraining" and planned.model is not None:
        needed = workspace.plan.upstream_of(planned.model).assets
        assets = [*(asset.key for asset in needed if asset.kind in ("dataset", "features")), *assets]

    def evaluate(context):  # type: ignore[no-untyped-def]
        return _result(evaluate_tick(workspace, planned, context.instance))

    return dg.SensorDefinition(
        name=planned.name,
        evaluation_fn=evaluate,
        asset_selection=dg.AssetSelection.assets(*(asset.split("/") for asset in assets)),
        minimum_interval_seconds=_SECONDS[planned.kind],
        description=planned.description,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )


def evaluate_tick(workspace: Workspace, planned: PlannedSensor, instance: dg.DagsterInstance) -> Tick:
    """What a sensor of the loop does at one tick; nothing but what it reads decides, so a lost tick is made up by the next."""
    try:
        if planned.kind == "labels":
            return tick_labels(workspace, instance)
        assert planned.model is not None
        return _TICKS[planned.kind](workspace, planned.model, instance)
    except MlopsError as error:
        return Tick(said=(f"could not decide, and will try again: {error}",))


def _result(tick: Tick) -> dg.SensorResult:
    said = "; ".join(tick.said) or "nothing to do"
    if not tick.requests:
        return dg.SensorResult(skip_reason=said)
    dg.get_dagster_logger().info(said)
    return dg.SensorResult(run_requests=list(tick.requests), cursor=said[:2000])
