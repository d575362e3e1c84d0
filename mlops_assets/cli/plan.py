"""`mlops plan NAME`: what a definition compiles to, without touching anything."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from mlops_assets.cli.acting import answering, open_for, warn_of_others
from mlops_assets.cli.common import JsonOption, ProjectOption, print_json
from mlops_assets.cli.holdouts import needs_text


def register(app: typer.Typer) -> None:
    """Add `mlops plan`."""
    app.command("plan")(plan)


def plan(
    name: Annotated[str, typer.Argument(help="Name of a model, feature view or data set.")],
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print a definition with its defaults, and the assets, edges, checks, schedules and sensors that come of it.

    Exit code 0: printed; 2: there is nothing of that name, or what it needs has errors.
    """
    from mlops_assets.lifecycle.power import planned_needs
    from mlops_assets.plan.explain import explain, to_json

    with answering(json):
        workspace = open_for(project, None)
        workspace.demand(name)
        if name not in workspace.definitions.kinds:
            raise workspace.no_such("model, feature view or data set", name, workspace.definitions.names())
        warn_of_others(workspace, name)
        needed = planned_needs(workspace, name) if name in workspace.catalogue.models else None
    if json:
        added = {} if needed is None else {"rows_per_partition": needed[1], "needs": [asdict(need) for need in needed[0]]}
        print_json({**to_json(workspace.plan, workspace.catalogue, name), **added})
        return
    typer.echo(explain(workspace.plan, workspace.catalogue, name), nl=False)
    if needed is not None:
        typer.echo("\n" + needs_text(name, workspace.catalogue.models[name].training.holdout, *needed))
