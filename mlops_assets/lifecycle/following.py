"""MLflow follows the ledger; it never decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def follow(workspace: Workspace, name: str) -> tuple[list[str], str | None]:
    """Let MLflow's aliases and tags follow the ledger, which has decided already.

    Returns:
        Differences that are left, and why MLflow does not follow at all; None where it does. The next sync repairs either.
    """
    from mlops_assets.registry.following import follow as follow_ledger

    try:
        differences = follow_ledger(workspace.registry, workspace.ledger.fold(), name)
    except MlopsError as error:
        return [], f"MLflow does not follow: {error} `mlops registry sync` repairs it."
    return [str(difference) for difference in differences if not difference.repaired], None
