"""Under which attempt of which Dagster run a stage is recorded in MLflow."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.registry.step_run import StepRun


@dataclass(frozen=True)
class Attempt:
    """Id of the Dagster run in which a stage is carried out, and which attempt of its step this is; the first one is 0."""

    run_id: str
    number: int


def recorded(workspace: Workspace, attempt: Attempt, name: str, stage: str, key: str | None) -> AbstractContextManager[StepRun]:
    """The MLflow run of ``stage`` of model ``name`` at ``key``, below the run that stands for the whole Dagster run."""
    return workspace.registry.step_run(attempt.run_id, f"{name}/{stage}", key, attempt.number, model=name)
