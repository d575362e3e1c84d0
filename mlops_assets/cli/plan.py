"""`mlops plan NAME`: what a definition compiles to, without touching anything."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops_assets.cli.common import JsonOption, ProjectOption, print_json


def register(app: typer.Typer) -> None:
    """Add `mlops plan`."""
    app.command("plan")(plan)


def plan(
    name: Annotated[str, typer.Argument(help="Name of a model, feature view or data set.")],
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print a definition with its defaults, and the assets, edges, checks, schedules and sensors that come of it.

    Exit code 0: printed; 1: the definitions have errors; 2: there is nothing of that name.
    """
    from mlops_assets.plan import compile_plan
    from mlops_assets.plan.explain import explain, to_json
    from mlops_assets.settings import find_project
    from mlops_assets.spec.checking.check import check_project
    from mlops_assets.spec.problems import errors

    folder = find_project(project)
    catalogue, problems = check_project(folder)
    if wrong := errors(problems):
        for problem in wrong:
            typer.echo(problem.text(folder), err=True)
        raise typer.Exit(1)
    catalogue.declared(name)
    compiled = compile_plan(catalogue)
    if json:
        print_json(to_json(compiled, catalogue, name))
    else:
        typer.echo(explain(compiled, catalogue, name), nl=False)
