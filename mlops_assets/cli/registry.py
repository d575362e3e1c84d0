"""`mlops registry`: MLflow's aliases and tags follow the ledger."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops_assets.cli.acting import EnvironmentOption, answering, known, open_for
from mlops_assets.cli.common import JsonOption, ProjectOption, print_json


def register(app: typer.Typer) -> None:
    """Add `mlops registry`."""
    registry = typer.Typer(help="MLflow's registry, which follows the ledger.", no_args_is_help=True)
    registry.command("sync")(sync)
    app.add_typer(registry, name="registry")


def sync(
    name: Annotated[str | None, typer.Argument(help="Name of a model. Default: all that the ledger knows.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report and repair nothing.")] = False,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Rebuild aliases and tags from the ledger, and report what differed.

    Exit code 0: MLflow says what the ledger says; 1: something differs still.
    """
    from mlops_assets.registry.following import follow

    with answering(json):
        workspace = open_for(project, environment)
        if name is not None:
            known(workspace, name)
        state = workspace.ledger.fold()
        names = [name] if name is not None else sorted({model for _, model in state.deployments})
        found = {model: follow(workspace.registry, state, model, repair=not dry_run) for model in names}
    left = sum(not difference.repaired for differences in found.values() for difference in differences)
    if json:
        rows = {
            model: [
                {"what": d.what, "name": d.name, "version": d.version, "expected": d.expected, "found": d.found, "repaired": d.repaired}
                for d in differences
            ]
            for model, differences in found.items()
        }
        print_json({"schema": 1, "ok": left == 0, "differences": rows})
    else:
        for model, differences in found.items():
            for difference in differences:
                typer.echo(f"{model}: {difference}")
        total = sum(map(len, found.values()))
        typer.echo(f"{len(names)} models, {total} differences, {total - left} repaired.")
    if left:
        raise typer.Exit(1)
