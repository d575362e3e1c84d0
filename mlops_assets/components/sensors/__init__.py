"""What closes the loop: sensors that read records, decide by pure functions, and ask for runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg

    from mlops_assets.components.workspace import Workspace


def loop_sensors(workspace: Workspace) -> list[dg.SensorDefinition]:
    """The sensors of the plan that are not Dagster's own automation."""
    from mlops_assets.components.sensors.building import build

    return [build(workspace, planned) for planned in workspace.plan.sensors if planned.kind != "automation"]
