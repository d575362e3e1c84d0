"""End the MLflow runs of Dagster runs that are over, however they ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.mlflow_runs import STATUS

if TYPE_CHECKING:
    from mlops_assets.registry import Registry


def sweep(registry: Registry, instance: dg.DagsterInstance) -> list[str]:
    """End the open runs of every Dagster run that is over or unknown, and return the ids of the Dagster runs.

    A Dagster run that is still going keeps its runs open.
    """
    swept = []
    for dagster_run_id in registry.open_dagster_runs():
        run = instance.get_run_by_id(dagster_run_id)
        if run is None:
            registry.close_stale(dagster_run_id, "KILLED")
        elif run.is_finished:
            registry.finish(dagster_run_id, STATUS[run.status])
        else:
            continue
        swept.append(dagster_run_id)
    return swept
