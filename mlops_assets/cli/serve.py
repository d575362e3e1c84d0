"""`mlops serve`: the prediction server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlops_assets.cli.acting import EnvironmentOption
from mlops_assets.cli.common import ProjectOption


def register(app: typer.Typer) -> None:
    """Add `mlops serve`."""
    app.command("serve")(serve)


def serve(
    workers: Annotated[int | None, typer.Option("--workers", min=1, max=256, help="Processes that answer; default: the setting.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on; default: the setting.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Port, 0 for a free one; default: the setting.")] = None,
    ready: Annotated[Path | None, typer.Option("--ready", help="File that is given the server's URL once it listens.")] = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
) -> None:
    """Answer predictions over HTTP for every model that has a champion, and follow the ledger from then on."""
    from mlops_assets.serving.supervisor import serve as run
    from mlops_assets.settings import load_settings

    settings = load_settings(project, environment)
    code = run(
        settings,
        host=host or settings.serve_host,
        port=settings.serve_port if port is None else port,
        workers=workers or settings.serve_workers,
        say=lambda line: typer.echo(line, err=True),
        ready=ready,
    )
    raise typer.Exit(code)
