"""The code location of a project: its declared assets with the resources, sensors, schedules and jobs that they need."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import dagster as dg

from mlops_assets.components.automation import automation_of
from mlops_assets.components.base import MLFLOW, WORKSPACE
from mlops_assets.components.left_out import left_out_assets
from mlops_assets.components.mlflow_parent import mlflow_parent
from mlops_assets.components.mlflow_runs import mlflow_sensors
from mlops_assets.components.pieces import pieces
from mlops_assets.components.planned_sensors import loop_sensors
from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.workspace import Workspace
from mlops_assets.spec.reading.loading import DEFINITIONS


def build_definitions(workspace: Workspace) -> dg.Definitions:
    """Everything that Dagster shows and runs for the project of ``workspace``.

    Definitions with errors, and what needs them, are left out; an asset that nothing makes stands in the place of each and says why.

    Raises:
        MlopsError: where Dagster would not know the folder as a project.
    """
    project = workspace.settings.project
    _known_to_dagster(project)
    automation = automation_of(workspace)
    _import_definitions_of(project)
    try:
        declared = dg.load_from_defs_folder(path_within_project=project)
    except Exception:
        if not workspace.definitions.errors:
            raise
        declared = pieces(workspace)
    taken = {key for found in declared.assets or () if isinstance(found, dg.AssetsDefinition) for key in found.keys}
    around = dg.Definitions(
        assets=left_out_assets(workspace.definitions, taken),
        resources={WORKSPACE: workspace, MLFLOW: mlflow_parent(workspace.settings)},
        executor=dg.in_process_executor,
        sensors=[*mlflow_sensors(workspace.settings), *loop_sensors(workspace)],
    )
    return dg.Definitions.merge(declared, around, automation)


def _known_to_dagster(project: Path) -> None:
    files = [folder / name for folder in (project, *project.parents) for name in ("dg.toml", "pyproject.toml")]
    file = next((file for file in files if file.is_file()), None)
    if file is None or "project" not in file.read_text(encoding="utf-8", errors="replace"):
        found = "there is no pyproject.toml." if file is None else "there is no [tool.dg.project] in it."
        raise MlopsError(found, where=str(file or project), do="`mlops init DIR` makes a project with one; copy it from there.")


def _import_definitions_of(project: Path) -> None:
    """Let the package `definitions` be this project's, also where the process has loaded another project before."""
    loaded = sys.modules.get(DEFINITIONS)
    if loaded is not None and str(project / DEFINITIONS) not in map(str, getattr(loaded, "__path__", ())):
        for name in [name for name in sys.modules if name == DEFINITIONS or name.startswith(f"{DEFINITIONS}.")]:
            del sys.modules[name]
    if sys.path[:1] != [str(project)]:
        sys.path.insert(0, str(project))
        importlib.invalidate_caches()
