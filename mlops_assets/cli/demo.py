"""`mlops demo`: the examples from raw data to a candidate, with a summary at the end."""

from __future__ import annotations

import time
from datetime import date
from typing import Annotated, Any

import typer

from mlops_assets.cli.common import ProjectOption
from mlops_assets.errors import MlopsError

RUNS: tuple[tuple[str, date], ...] = (("churn", date(2025, 12, 31)), ("bank_marketing", date(2009, 6, 1)))
"""Example models and the as-of dates at which the demonstration trains them."""


def register(app: typer.Typer) -> None:
    """Add `mlops demo`."""
    app.command("demo")(demo)


def demo(
    loop: Annotated[bool, typer.Option("--loop", help="Show months of monitoring and retraining by themselves instead.")] = False,
    without_change: Annotated[bool, typer.Option("--without-change", help="With --loop: a year in which nothing changes.")] = False,
    project: ProjectOption = None,
) -> None:
    """Take the simulated shop's churn model, and the real bank's where its data can be had, from raw data to a candidate.

    With --loop: a server answers customers over HTTP, they change, the champion fails, and a retrained model takes over with nobody at
    the keyboard; about three minutes. With --without-change as well: a year in which models are retrained by age alone.
    """
    if loop:
        from mlops_assets.cli.demo_loop import demo_loop
        from mlops_assets.settings import load_settings

        demo_loop(load_settings(project).home / ("loop_without_change" if without_change else "loop"), change=not without_change)
        return
    from mlops_assets.cli.progress import Progress
    from mlops_assets.cli.report import as_text
    from mlops_assets.cli.run import run_model
    from mlops_assets.lifecycle.workspace import open_workspace
    from mlops_assets.running.runner import model_key
    from mlops_assets.settings import find_project

    began = time.monotonic()
    workspace = open_workspace(find_project(project))
    reports: list[dict[str, Any]] = []
    skipped: list[str] = []
    with Progress() as progress:
        for name, as_of in RUNS:
            try:
                reports.append(run_model(workspace, name, model_key(workspace, name, as_of), progress))
            except MlopsError as error:
                if name == RUNS[0][0]:
                    raise
                skipped.append(f"{name} was left out: {error}")
    for report in reports:
        typer.echo(f"\n{as_text(report)}")
    for line in skipped:
        typer.echo(f"\n{line}")
    typer.echo(_next_steps(time.monotonic() - began))
    if code := max(report["exit_code"] for report in reports):
        raise typer.Exit(code)


def _next_steps(seconds: float) -> str:
    return f"""
Done in {seconds:.0f} s. Where to look next:
  mlops status churn              versions, states, traffic, the last verdict
  mlops plan churn                what the definition compiles to
  mlops check --gates churn       every gate shown red on a known-bad case
  mlops promote churn             make the candidate the champion
  mlops demo --loop               customers change, the champion fails, a retrained model takes over by itself
  mlops up                        Dagster, MLflow and the prediction server; says where they are"""
