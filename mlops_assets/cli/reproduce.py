"""`mlops reproduce`: build a version again from what is recorded, and compare."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops_assets.cli.acting import EnvironmentOption, NameArgument, answering, known, open_for
from mlops_assets.cli.common import JsonOption, ProjectOption, print_json


def register(app: typer.Typer) -> None:
    """Add `mlops reproduce`."""
    app.command("reproduce")(reproduce)


def reproduce(
    name: NameArgument,
    version: Annotated[int, typer.Argument(min=1, help="Version.")],
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Build a version again from recorded data versions, definition and seed, and compare it with what was registered.

    LightGBM must give the same trees, any other estimator the same predictions. Exit code 0: it is the same model; 1: it is not, it could
    not be tried under the same conditions (inconclusive), or its data was erased.
    """
    from mlops_assets.cli.progress import Progress
    from mlops_assets.lifecycle.reproduction import reproduce_version

    with answering(json):
        workspace = open_for(project, environment)
        known(workspace, name, version)
        with Progress() as progress:
            progress.step(f"{name} {version}", None, None, 1)
            registered, bundle, found = reproduce_version(workspace, name, version)
    came_from = bundle.provenance
    if json:
        about = {"model": name, "version": version, "environment": workspace.settings.environment, "as_of": registered.as_of}
        recorded = {"digests": dict(registered.digests), "data": dict(came_from.data), "seed": came_from.seed, "sample": came_from.sample}
        print_json({"schema": 1, **about, **recorded, **found.to_json()})
    else:
        typer.echo(f"{found.status}: {name} {version}{f' as of {registered.as_of}' if registered.as_of else ''}: {found.detail}.")
        typer.echo(f"  data      {len(came_from.data)} recorded versions, training set {came_from.training_set[:12]}")
        typer.echo(f"  recipe    definition {came_from.spec_digest[:12]}, seed {came_from.seed}, code {came_from.code_version}")
        for tombstone in found.erased:
            typer.echo(f"  erased    {tombstone.reference} at {tombstone.erased_at}: {tombstone.reason}")
        for part in found.differs:
            typer.echo(f"  differs   {part}")
    if found.status != "pass":
        raise typer.Exit(1)
