"""End the MLflow runs of failed and of cancelled Dagster runs, also of those whose process was killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.registry.locks import sqlite_file

if TYPE_CHECKING:
    from mlops_assets.registry.runs import Status
    from mlops_assets.settings import Settings

STATUS: dict[dg.DagsterRunStatus, Status] = {
    dg.DagsterRunStatus.SUCCESS: "FINISHED",
    dg.DagsterRunStatus.FAILURE: "FAILED",
    dg.DagsterRunStatus.CANCELED: "KILLED",
}
"""What a finished Dagster run is in MLflow."""


def mlflow_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Sensors that end the MLflow runs of failed and of cancelled Dagster runs, also of those whose process was killed."""
    return [_sensor(settings, status) for status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)]


def _sensor(settings: Settings, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=f"mlflow_runs_of_{status.value.lower()}_runs",
        description=f"Ends the MLflow runs of a Dagster run that ended as {status.value}.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        file = sqlite_file(settings.mlflow_tracking_uri)
        if file is not None and not file.exists():
            return dg.SkipReason("Nothing was logged to MLflow yet.")
        from mlops_assets.registry import open_registry

        registry = open_registry(settings.mlflow_tracking_uri, settings.mlflow_artifacts, ui=settings.mlflow_ui)
        registry.finish(context.dagster_run.run_id, STATUS[status])
        return None

    return sensor
