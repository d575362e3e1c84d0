"""`mlops refresh`: reads stored partitions of a data set again, and says what is different."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_assets.cli.acting import answering
from mlops_assets.cli.common import JsonOption, ProjectOption, parse_moment, print_json

if TYPE_CHECKING:
    from mlops_assets.lifecycle.refreshing import Bound
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.running.runner import Runner
    from mlops_assets.spec.dataset import Dataset

_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add `mlops refresh`."""
    app.command("refresh")(refresh)


def refresh(
    dataset: Annotated[str, typer.Argument(help="Name of the data set.")],
    first: Annotated[str | None, typer.Option("--from", help="Date or key of the first partition. Default: the first stored.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Date or key of the last partition. Default: the last stored.")] = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Read stored partitions of a data set again; where rows are different, a new version notes what changed.

    Features that read them are computed again by the next run, within `recompute`; no model is trained. Exit code 0: read, whether
    something changed or not; 1: rows break the rules, so versions of before stay; 2: bad use, or a partition cannot be read again.
    """
    from mlops_assets.cli.progress import Progress
    from mlops_assets.components.location import build_definitions
    from mlops_assets.lifecycle.refreshing import choose, known_dataset
    from mlops_assets.lifecycle.workspace import open_workspace
    from mlops_assets.running.runner import Runner
    from mlops_assets.settings import find_project

    with answering(json):
        workspace = open_workspace(find_project(project))
        declared = known_dataset(workspace, dataset)
        chosen = choose(workspace, dataset, _bound(declared, first, "--from"), _bound(declared, last, "--to"))
        with Progress() as progress:
            runner = Runner(workspace, build_definitions(workspace), progress.step, progress.note)
            document = read_again(workspace, runner, dataset, chosen.keys)
    document["unreadable"] = [{"partition": key, "why": why} for key, why in chosen.unreadable.items()]
    if json:
        print_json({"schema": 1, "ok": not document["failures"] and not chosen.unreadable, **document})
    else:
        typer.echo("\n".join(_lines(document)))
    if chosen.unreadable or document["failures"]:
        raise typer.Exit(1 if document["failures"] else 2)


def read_again(workspace: Workspace, runner: Runner, dataset: str, keys: Sequence[str | None]) -> dict[str, Any]:
    """Read partitions again and say what came of it, as plain data."""
    from mlops_assets.lifecycle.refreshing import followers, outcome

    before = workspace.store.window(dataset, keys)
    steps = runner.refresh(dataset, keys)
    partitions = outcome(workspace, dataset, {key: before[key] for key in keys})
    changed = [one for one in partitions if one.changed]
    follow = followers(workspace, dataset, {one.partition: before[one.partition] for one in changed}) if changed else {}
    return {
        "dataset": dataset,
        "read": len(partitions),
        "changed": len(changed),
        "partitions": [one.to_json() for one in partitions],
        "features": follow.get("features", []),
        "models": follow.get("models", []),
        "failures": [str(step.failure).removeprefix(f"{dataset}: ") for step in steps if not step.success],
        "dagster_run_ids": [step.dagster_run_id for step in steps],
    }


def _bound(dataset: Dataset, text: str | None, option: str) -> Bound | None:
    """A partition's key where it is one, else a moment."""
    if text is None or (dataset.calendar is not None and dataset.calendar.contains(text)):
        return text
    return parse_moment(text, option)


def _lines(document: dict[str, Any]) -> Iterator[str]:
    from mlops_assets.data.ingest.changes import describe

    name, read, changed = document["dataset"], document["read"], document["changed"]
    one_table = [one["partition"] for one in document["partitions"]] == [None]
    what = "the table" if one_table else f"{read:,} {'partition' if read == 1 else 'partitions'}"
    yield f"{name}: {what} read again; " + ("nothing changed" if not changed else "changed" if one_table else f"{changed:,} changed")
    shown = [one for one in document["partitions"] if one["changed"]]
    for one in shown[:_SHOWN]:
        yield f"  {one['partition'] or 'table'}  {describe(one) or 'other columns or rules'}"
    if len(shown) > _SHOWN:
        yield f"  … and {len(shown) - _SHOWN:,} more; `--json` has all of them"
    for one in document["features"]:
        kept = f"; {one['kept']:,} keep what they were computed from, since the correction is older than recompute" if one["kept"] else ""
        yield f"  features {one['view']}: the next run computes {one['again']:,} partitions again{kept}"
    for one in document["models"]:
        at = f" as of {one['partition']}" if one["partition"] else ""
        yield f"  model {one['model']}{at} learned from {one['read']:,} of the versions before; it is not trained again by this"
    for one in document["unreadable"]:
        yield f"  {one['partition'] or 'table'}  cannot be read again: {one['why']}; its version stays"
    for failure in document["failures"]:
        yield f"  not stored, so the versions before stay: {failure}"
