"""`mlops publish`: the features that the server looks up by entity, as of now."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from mlops_assets.cli.acting import EnvironmentOption, NameArgument, answering, known, open_for
from mlops_assets.cli.common import JsonOption, ProjectOption, print_json
from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.spec.catalogue import Catalogue


def register(app: typer.Typer) -> None:
    """Add `mlops publish`."""
    app.command("publish")(publish)


def publish(
    name: NameArgument,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Bring the features that the server looks up by entity to their newest as-of time.

    What they are computed from is materialized first where it is missing. The schedules do the same every period; this is for the first
    time, and after they stood still. Exit code 0: published; 2: bad use or input; 3: a step failed for another reason.
    """
    with answering(json):
        published = _publish(open_for(project, environment), name)
    if json:
        print_json({"schema": 1, "ok": True, "model": name, "published": published})
        return
    for view in published:
        as_of = f" as of {view['as_of']}" if view["as_of"] else ""
        lost = f"; {view['without_key']:,} rows without a key left out" if view["without_key"] else ""
        typer.echo(f"{view['view']}: {view['entities']:,} entities{as_of}{lost}")


def _publish(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    from mlops_assets.cli.progress import Progress
    from mlops_assets.components.location import build_definitions
    from mlops_assets.lifecycle.needs import read_by_server
    from mlops_assets.running.runner import Runner
    from mlops_assets.serving.online import open_online
    from mlops_assets.serving.publishing import publish_newest

    known(workspace, name)
    workspace.demand(name)
    catalogue = workspace.catalogue
    views = read_by_server(workspace, name).views if name in catalogue.models else {}
    if not views:
        do = "Give its feature views `online: {}`, or send whole rows."
        raise MlopsError(f"{name} has no features that are looked up by entity.", do=do)
    _require_complete(catalogue, views)
    with Progress() as progress:
        Runner(workspace, build_definitions(workspace), progress.step, progress.note).prepare_lookup(name)
    # What was materialized just now is published already; what was stored before may not be, where the online table is another one.
    with contextlib.closing(open_online(workspace.settings.online_url)) as online:
        published = publish_newest(catalogue, workspace.store, online, views)
    return [
        {"view": view, "entities": done.entities, "without_key": done.without_key, "as_of": _as_of(catalogue, view, views[view])}
        for view, done in published.items()
    ]


def _require_complete(catalogue: Catalogue, views: Mapping[str, Sequence[str]]) -> None:
    """Refuse a feature view whose first partition has not ended yet, before any work.

    Raises:
        MlopsError: naming it, and where its calendar begins and ends.
    """
    from mlops_assets.spec.windows import view_window

    for view, keys in sorted(views.items()):
        calendar = view_window(catalogue.views[view], catalogue).calendar
        if calendar is not None and not keys:
            until = f" and ends before {calendar.end}" if calendar.end else ""
            found = f"{view} has no complete partition yet; its calendar begins on {calendar.start}{until}."
            raise MlopsError(found, where=view, do="Publish when the first partition has ended, or start the calendar earlier.")


def _as_of(catalogue: Catalogue, view: str, keys: Sequence[str]) -> str | None:
    from mlops_assets.spec.windows import view_window

    calendar = view_window(catalogue.views[view], catalogue).calendar
    return f"{calendar.end_of(keys[-1]):%Y-%m-%dT%H:%M:%SZ}" if calendar is not None and keys else None
