"""`mlops run`: data to candidate in one process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_assets.cli.acting import answering, warn_of_others
from mlops_assets.cli.common import JsonOption, ProjectOption, parse_moment, print_json
from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from mlops_assets.cli.progress import Progress
    from mlops_assets.cli.report import Report
    from mlops_assets.lifecycle.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add `mlops run`."""
    app.command("run")(run)


def run(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    as_of: Annotated[str | None, typer.Option("--as-of", help="Date inside the partition; default: the newest complete one.")] = None,
    summary: Annotated[Path | None, typer.Option("--summary", help="Write a Markdown summary to this file.")] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write the gates as JUnit XML to this file.")] = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Take a model from data to candidate in one process, recorded in the Dagster instance.

    Data sets and features that are missing are materialized first. Exit code 0: a candidate is registered;
    1: a gate is red; 2: bad use or input; 3: a step failed for another reason.
    """
    from mlops_assets.cli.progress import Progress
    from mlops_assets.cli.report import as_junit, as_markdown, as_text, build_report
    from mlops_assets.lifecycle.workspace import open_workspace
    from mlops_assets.running.runner import StepFailed, model_key
    from mlops_assets.settings import find_project

    with answering(json):
        for file in (summary, junit):
            if file is not None:
                _writable(file)
        workspace = open_workspace(find_project(project))
        key = model_key(workspace, name, parse_moment(as_of, "--as-of") if as_of else None)
        warn_of_others(workspace, name)
        try:
            with Progress() as progress:
                report = run_model(workspace, name, key, progress)
        except StepFailed as failed:
            report = build_report(workspace, name, key, failed.step, str(failed))
    if summary is not None:
        summary.write_text(as_markdown(report), encoding="utf-8")
    if junit is not None:
        junit.write_text(as_junit(report), encoding="utf-8")
    if json:
        print_json(report)
    else:
        typer.echo(as_text(report))
    if report["exit_code"]:
        raise typer.Exit(report["exit_code"])


def run_model(workspace: Workspace, name: str, key: str | None, progress: Progress) -> Report:
    """Run model ``name`` at partition ``key`` and return its report (see :func:`mlops_assets.cli.report.build_report`).

    Raises:
        StepFailed: when data or features that it reads could not be materialized.
    """
    from mlops_assets.cli.report import build_report
    from mlops_assets.components.location import build_definitions
    from mlops_assets.lifecycle.verdicts import waived_and_waiting
    from mlops_assets.plan.kinds import TRAINING_CHAIN
    from mlops_assets.running.runner import Runner

    runner = Runner(workspace, build_definitions(workspace), progress.step, progress.note)
    stages = TRAINING_CHAIN
    if waived_and_waiting(workspace, name, key):
        progress.note(f"{name} was judged and let through by name: it is registered as it is")
        stages = TRAINING_CHAIN[-1:]
    else:
        runner.prepare(name, key)
    step = runner.materialize([f"{name}/{stage}" for stage in stages], key)
    return build_report(workspace, name, key, step, step.failure)


def _writable(file: Path) -> None:
    """Refuse a report that could not be written at the end, before any work.

    Raises:
        MlopsError: when its folder is not there, or it is a folder itself.
    """
    if file.is_dir() or not file.parent.is_dir():
        found = "this is a folder, not a file." if file.is_dir() else f"there is no folder {file.parent}."
        raise MlopsError(found, where=str(file), do="Name a file in a folder that is there.")
