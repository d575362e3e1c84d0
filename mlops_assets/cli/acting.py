"""What commands that act on the ledger share: whose key, which environment, who follows, and how a refusal is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_assets.cli.common import print_json
from mlops_assets.errors import RED, MlopsError

if TYPE_CHECKING:
    from mlops_assets.ledger.actors import Actor
    from mlops_assets.ledger.events import Event
    from mlops_assets.ledger.state import DeploymentState
    from mlops_assets.lifecycle.workspace import Workspace

KeyOption = Annotated[str | None, typer.Option("--key", envvar="MLOPS_KEY", show_envvar=True, help="API key of the principal who acts.")]
EnvironmentOption = Annotated[str | None, typer.Option("--environment", help="dev, test or prod. Default: the project's setting.")]
NameArgument = Annotated[str, typer.Argument(help="Name of the model.")]
VersionArgument = Annotated[int | None, typer.Argument(min=1, help="Version. Default: the newest one that it is about.")]


@contextmanager
def answering(json: bool) -> Iterator[None]:
    """With ``json``, a refusal or an error is a JSON document on stdout as well as a message on stderr."""
    try:
        yield
    except MlopsError as error:
        if json:
            parts = {"found": error.found, "where": error.where, "valid": list(error.valid), "do": error.do}
            print_json({"schema": 1, "ok": False, "refused": error.exit_code == RED, "error": parts})
        raise


def open_for(project: Path | None, environment: str | None) -> Workspace:
    """The workspace of a project in one environment."""
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.settings import load_settings

    return Workspace(load_settings(project, environment))


def identify(workspace: Workspace, key: str | None) -> Actor:
    """The principal behind ``key``, else the operating system's user.

    Raises:
        KeyRefused: for a key that is unknown, expired or revoked.
    """
    from mlops_assets.governance.principals import authenticate, os_user

    return authenticate(workspace.ledger.fold().keys, key, workspace.ledger.now()) if key else os_user()


def known(workspace: Workspace, name: str, version: int | None = None) -> DeploymentState:
    """The state of a model that the ledger or the definitions know, and of which ``version`` is registered where one is named.

    Errors of definitions that it does not need are told as warnings.

    Raises:
        MlopsError: when neither knows it, or there is no such version.
    """
    state = workspace.ledger.state(name)
    if state.sequence == 0:
        models = {*workspace.ledger.fold().models(workspace.settings.environment), *workspace.definitions.models()}
        if name not in models:
            raise workspace.no_such("model", name, sorted(models))
    if version is not None and version not in state.versions:
        registered = ", ".join(str(number) for number in sorted(state.versions)) or "none"
        raise MlopsError(f"{name} has no version {version} in {state.environment}.", do=f"Registered versions: {registered}.")
    warn_of_others(workspace, name)
    return state


def warn_of_others(workspace: Workspace, name: str | None) -> None:
    """Tell on stderr, a line each, the errors of definitions that ``name`` does not need; without a name all errors."""
    found = workspace.definitions.errors_beside(name)
    for problem in found:
        typer.echo(replace(problem, severity="warning").text(workspace.settings.project), err=True)
    if found:
        many = "1 error" if len(found) == 1 else f"{len(found)} errors"
        about = f"definitions that {name} does not need" if name is not None else "the definitions; what needs them is left out"
        typer.echo(f"warning: {many} in {about}; `mlops check` shows all", err=True)


def follow_in_mlflow(workspace: Workspace, name: str) -> dict[str, Any]:
    """Let MLflow's aliases and tags follow; says what is wrong where MLflow does not, since the ledger has decided already."""
    from mlops_assets.lifecycle.following import follow

    left, problem = follow(workspace, name)
    if problem is not None:
        typer.echo(f"warning: {problem}", err=True)
        return {"agrees": None, "problem": problem}
    for line in left:
        typer.echo(f"warning: {line}", err=True)
    return {"agrees": not left, "problem": "; ".join(left) or None}


def show_in_dagster(workspace: Workspace, event: Event) -> None:
    """Let the Dagster UI show the transition; where it cannot, the ledger holds it all the same."""
    from mlops_assets.components.transitions import report_transition

    try:
        report_transition(workspace, str(event.model), event)
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        typer.echo(f"warning: the Dagster instance does not show this transition: {said}", err=True)
