"""The code location of a project: its declared assets with the resources, sensors, schedules and jobs that they need."""

from __future__ import annotations

import sys

import dagster as dg

from mlops_assets.components.automation import automation_of
from mlops_assets.components.base import MLFLOW, WORKSPACE
from mlops_assets.components.mlflow_parent import mlflow_parent
from mlops_assets.components.mlflow_sweep import mlflow_sensors
from mlops_assets.components.workspace import Workspace


def build_definitions(workspace: Workspace) -> dg.Definitions:
    """Everything that Dagster shows and runs for the project of ``workspace``.

    Raises:
        DefinitionsError: when a definition has an error, before Dagster looks at any of them.
    """
    project = workspace.settings.project
    plan = workspace.plan
    if str(project) not in sys.path:
        sys.path.insert(0, str(project))
    declared = dg.load_from_defs_folder(path_within_project=project)
    around = dg.Definitions(
        resources={WORKSPACE: workspace, MLFLOW: mlflow_parent(workspace.settings)},
        executor=dg.in_process_executor,
        sensors=mlflow_sensors(workspace.settings),
    )
    return dg.Definitions.merge(declared, around, automation_of(plan))
