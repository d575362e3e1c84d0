"""`mlops publish`: the features that the server looks up by entity, as of now."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from mlops_assets.cli.acting import EnvironmentOption, NameArgument, answering, open_for
from mlops_assets.cli.common import JsonOption, ProjectOption, print_json
from mlops_assets.errors import MlopsError, nearest

if TYPE_CHECKING:
    from mlops_assets.components.workspace import Workspace


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
    time, and after they stood still. Exit code 0: published; 1: a step failed; 2: bad use.
    """
    with answering(json):
        published = _publish(open_for(project, environment), name)
    if json:
        print_json({"schema": 1, "ok": True, "model": name, "published": published})
        return
    for view in published:
        as_of = f" as of {view['as_of']}" if view["as_of"] else ""
        typer.echo(f"{view['view']}: {view['entities']:,} entities{as_of}")


def _publish(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    from mlops_assets.cli.progress import Progress
    from mlops_assets.components.needs import read_by_server
    from mlops_assets.components.runner import Runner
    from mlops_assets.serving.online import open_online
    from mlops_assets.serving.publication import publish_partition
    from mlops_assets.spec.windows import view_window

    catalogue = workspace.catalogue
    if name not in catalogue.models:
        guess = nearest(name, catalogue.models)
        do = f"Did you mean {guess!r}?" if guess else None
        raise MlopsError(f"there is no model {name!r}.", valid=sorted(catalogue.models), do=do)
    views = read_by_server(workspace, name).views
    if not views:
        do = "Give its feature views `online: {}`, or send whole rows."
        raise MlopsError(f"{name} has no features that are looked up by entity.", do=do)
    with Progress() as progress:
        Runner(workspace, progress.step, progress.note).publish(name)
    published = []
    with contextlib.closing(open_online(workspace.settings.online_url)) as online:
        for view, keys in views.items():
            calendar, key = view_window(catalogue.views[view], catalogue).calendar, keys[-1] if keys else None
            count = publish_partition(catalogue.views[view], catalogue, key, workspace.store, online)
            as_of = calendar.end_of(key).astimezone(UTC) if calendar is not None and key is not None else None
            published.append({"view": view, "entities": count, "as_of": _written(as_of)})
    return published


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None
