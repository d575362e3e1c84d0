"""`mlops status`, `mlops promote`, `mlops rollback`, `mlops retire`: what serves, and what changes it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_assets.cli.acting import (
    EnvironmentOption,
    KeyOption,
    NameArgument,
    VersionArgument,
    answering,
    follow_in_mlflow,
    identify,
    known,
    open_for,
    show_in_dagster,
    warn_of_others,
)
from mlops_assets.cli.common import JsonOption, ProjectOption, print_json
from mlops_assets.lifecycle.decisions import approvals_needed

if TYPE_CHECKING:
    from mlops_assets.ledger.events import Event

ReasonOption = Annotated[str, typer.Option("--reason", help="Why; stands in the ledger. No personal data.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("status")(status)
    app.command("promote")(promote)
    app.command("rollback")(rollback)
    app.command("retire")(retire)


def status(
    name: Annotated[str | None, typer.Argument(help="Name of a model. Default: all.")] = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Show versions, states, traffic, approvals, last verdict, history, whether MLflow agrees, and whether sources are what was read.

    Exit code 0: shown; 2: bad use, or what the named model needs has errors; what the ledger knows of it is shown all the same.
    """
    from mlops_assets.cli.standing import as_text, describe
    from mlops_assets.lifecycle.places import places

    with answering(json):
        workspace = open_for(project, environment)
        if name is not None:
            known(workspace, name)
            documents = [describe(workspace, name, places(workspace.settings))]
        else:
            warn_of_others(workspace, None)
            names = {*workspace.ledger.fold().models(workspace.settings.environment), *workspace.definitions.models()}
            looked: dict[str, dict[str, Any] | None] = {}
            documents = [describe(workspace, model, looked=looked) for model in sorted(names)]
    if json:
        here = {"environment": workspace.settings.environment}
        print_json({"schema": 1, **documents[0]} if name is not None else {"schema": 1, **here, "models": documents})
    else:
        typer.echo("\n\n".join(as_text(document) for document in documents) or "No models.")
    if name is not None:
        workspace.demand(name)


def promote(
    name: NameArgument,
    version: VersionArgument = None,
    origin: Annotated[str | None, typer.Option("--from", help="Take the version from this environment, by digest.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Environment to promote in. Default: the project's setting.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", "--comment", help="Why; stands in the ledger. No personal data.")] = None,
    key: KeyOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Make a version the champion, on its verdict and with the approvals that the environment asks for.

    Where approvals are missing, this asks for them and exits with 1. With --from, the same bundle is registered in the other
    environment first.
    """
    from mlops_assets.ledger import Refused
    from mlops_assets.lifecycle import decisions
    from mlops_assets.lifecycle.moving import bring

    with answering(json):
        workspace = open_for(project, to or environment)
        who = identify(workspace, key)
        if origin is not None:
            version = bring(workspace, open_for(project, origin), name, version, who)
        known(workspace, name, version)
        try:
            event = decisions.promote(workspace, name, version, who, reason=reason)
        except Refused as refusal:
            raise decisions.ask_for_approvals(workspace, name, version, who, refusal) from None
        mlflow = follow_in_mlflow(workspace, name)
        show_in_dagster(workspace, event)
    before = event.body.get("replaces")
    if json:
        extra = {
            "replaced": before,
            "approvers": event.body["approvers"],
            "digests": event.body["digests"],
            "verdict": event.body["verdict"],
        }
        _print_event(event, "champion", mlflow, **extra)
        return
    approved = f", approved by {' and '.join(event.body['approvers'])}" if event.body["approvers"] else ""
    typer.echo(
        f"{name} {event.version} is champion in {event.environment}{approved}." + (f" {name} {before} is archived." if before else "")
    )


def rollback(
    name: NameArgument,
    reason: ReasonOption = "no reason given",
    key: KeyOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Take out what went live last, in one event: a challenger in its rollout, else the champion for the one before it."""
    from mlops_assets.lifecycle.decisions import roll_back

    with answering(json):
        workspace = open_for(project, environment)
        known(workspace, name)
        event = roll_back(workspace, name, identify(workspace, key), reason=reason)
        mlflow = follow_in_mlflow(workspace, name)
        show_in_dagster(workspace, event)
    restored = event.body["restored"]
    if json:
        _print_event(event, "rolled_back", mlflow, restored=restored)
        return
    typer.echo(f"{name} {event.version} is rolled back in {event.environment}; {name} {restored} takes all traffic.")


def retire(
    name: NameArgument,
    version: Annotated[int | None, typer.Argument(min=1, help="Version. Without one, the whole model goes out of service.")] = None,
    reason: ReasonOption = "no reason given",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    key: KeyOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Retire a version, or with none named the whole model. It will not serve again."""
    from mlops_assets.errors import MlopsError
    from mlops_assets.ledger import actions

    with answering(json):
        workspace = open_for(project, environment)
        state = known(workspace, name, version)
        who = identify(workspace, key)
        if not yes:
            what = (
                f"{name} {version}"
                if version
                else f"{name} as a whole ({len(state.versions)} versions, champion {state.champion or 'none'})"
            )
            if json or not sys.stdin.isatty():
                raise MlopsError(f"retiring {what} in {state.environment} asks for confirmation.", do="Say --yes.")
            typer.confirm(f"Retire {what} in {state.environment}? It will not serve again.", abort=True, err=True)
        events = actions.retire(workspace.ledger, name, version, who, reason=reason, needed=approvals_needed(workspace, name))
        mlflow = follow_in_mlflow(workspace, name)
    gone = [event.version for event in events if event.kind == "retired"]
    if json:
        print_json(
            {"schema": 1, "ok": True, "model": name, "retired": gone, "events": [event.sequence for event in events], "mlflow": mlflow}
        )
        return
    typer.echo(f"retired in {state.environment}: {', '.join(f'{name} {number}' for number in gone)}.")


def _print_event(event: Event, state: str, mlflow: dict[str, Any], **extra: Any) -> None:
    about = {"model": event.model, "version": event.version, "environment": event.environment, "state": state}
    print_json({"schema": 1, "ok": True, **about, "event": event.sequence, "by": event.actor, **extra, "mlflow": mlflow})
