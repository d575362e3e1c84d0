"""`mlops run`: data to candidate in one process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_assets.cli.acting import answering, warn_of_others
from mlops_assets.cli.common import JsonOption, ProjectOption, parse_moment_or_key, print_json
from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from mlops_assets.cli.noticing import Sources
    from mlops_assets.cli.progress import Progress
    from mlops_assets.cli.report import Report
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.running.runner import Runner


def register(app: typer.Typer) -> None:
    """Add `mlops run`."""
    app.command("run")(run)


def run(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Date or time inside the partition, or its key; default: the newest complete one.")
    ] = None,
    summary: Annotated[Path | None, typer.Option("--summary", help="Write a Markdown summary to this file.")] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write the gates as JUnit XML to this file.")] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Read again what it needs: of files those that were corrected, of other sources everything.")
    ] = False,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Take a model from data to candidate in one process, recorded in the Dagster instance.

    Data sets and features that are missing are materialized first. Where the source of stored rows is not what was read
    any more, that is said; they are read again with --refresh only. Exit code 0: a candidate is registered;
    1: a gate is red; 2: bad use or input; 3: a step failed for another reason.
    """
    from mlops_assets.cli.noticing import Sources
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
        key = model_key(workspace, name, parse_moment_or_key(as_of, "--as-of") if as_of else None)
        warn_of_others(workspace, name)
        sources = Sources(refresh)
        try:
            with Progress() as progress:
                report = run_model(workspace, name, key, progress, sources)
        except StepFailed as failed:
            report = build_report(workspace, name, key, failed.step, str(failed))
        report |= {"sources": sources.found, "refreshed": sources.refreshed}
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


def run_model(workspace: Workspace, name: str, key: str | None, progress: Progress, sources: Sources | None = None) -> Report:
    """Run model ``name`` at partition ``key`` and return its report (see :func:`mlops_assets.cli.report.build_report`).

    Args:
        sources: where to note what became of the sources that it reads; None: they are not looked at.

    Raises:
        DataProblemsError: when the data are not as the definition says.
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
        if sources is not None:
            sources.look(workspace, runner, name, key, progress.note)
        _prepare(runner, name, key, progress)
        if sources is not None:
            sources.tables(workspace, progress.note)
    step = runner.materialize([f"{name}/{stage}" for stage in stages], key)
    return build_report(workspace, name, key, step, step.failure)


def _prepare(runner: Runner, name: str, key: str | None, progress: Progress) -> None:
    """Materialize what the model reads, and look at it: all problems that it has with its data come together, before anything is trained.

    Raises:
        DataProblemsError: when there are any.
        StepFailed: when data or features could not be materialized, and nothing else is wrong.
    """
    from mlops_assets.lifecycle.making.problems import refuse, source_problems, stored_problems
    from mlops_assets.running.runner import StepFailed

    try:
        runner.prepare(name, key)
    except StepFailed:
        looked = source_problems(runner.workspace, [name])
        if looked.of_models:
            refuse(runner.workspace, name, looked.problems)
        raise
    for line in refuse(runner.workspace, name, stored_problems(runner.workspace, name, key)):
        progress.note(line)


def _writable(file: Path) -> None:
    """Refuse a report that could not be written at the end, before any work.

    Raises:
        MlopsError: when its folder is not there, or it is a folder itself.
    """
    if file.is_dir() or not file.parent.is_dir():
        found = "this is a folder, not a file." if file.is_dir() else f"there is no folder {file.parent}."
        raise MlopsError(found, where=str(file), do="Name a file in a folder that is there.")
