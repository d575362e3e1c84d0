"""Where the newest model, evaluation and candidate of each partition are found in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace

Stage = Literal["model", "evaluation", "candidate"]


def pointer_name(environment: str, model: str, stage: Stage, key: str | None) -> str:
    """Name of the pointer of one stage of one partition in one environment."""
    return f"{environment}/{model}/{stage}" + (f"/{key}" if key is not None else "")


def point(workspace: Workspace, model: str, stage: Stage, key: str | None, body: dict[str, Any]) -> None:
    """Make ``body`` what the stage's newest materialization says."""
    workspace.store.set_pointer(pointer_name(workspace.settings.environment, model, stage, key), body)


def pointed(workspace: Workspace, model: str, stage: Stage, key: str | None) -> dict[str, Any] | None:
    """What the stage's newest materialization says; None where there is none."""
    return workspace.store.get_pointer(pointer_name(workspace.settings.environment, model, stage, key))


def require(workspace: Workspace, model: str, stage: Stage, key: str | None) -> dict[str, Any]:
    """Like :func:`pointed`, but a missing one is an error that names the asset to materialize."""
    found = pointed(workspace, model, stage, key)
    if found is None:
        at = f" at {key}" if key else ""
        raise MlopsError(
            f"there is no {model}/{stage}{at} in environment {workspace.settings.environment}.",
            do=f"Materialize {model}/{stage}{at} first.",
        )
    return found
