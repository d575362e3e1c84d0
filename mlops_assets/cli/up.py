"""`mlops up`: Dagster, the prediction server and MLflow together."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops_assets.cli.acting import EnvironmentOption
from mlops_assets.cli.common import ProjectOption


def register(app: typer.Typer) -> None:
    """Add `mlops up`."""
    app.command("up")(up)


def up(
    workers: Annotated[int | None, typer.Option("--workers", min=1, max=256, help="Processes that answer; default: the setting.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port of the server; default: the setting.")] = None,
    dagster_port: Annotated[int | None, typer.Option("--dagster-port", min=1, max=65535, help="Default: that of dagster_ui.")] = None,
    mlflow_port: Annotated[int | None, typer.Option("--mlflow-port", min=1, max=65535, help="Default: that of mlflow_ui.")] = None,
    server: Annotated[bool, typer.Option("--server/--no-server", help="Whether the prediction server is started too.")] = True,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
) -> None:
    """Start Dagster (UI and daemon), the prediction server and MLflow's UI, say where they are, and stop them together.

    Exit code 0: stopped by Ctrl-C or SIGTERM; 2: bad use, as a port that is taken; 3: one of them ended by itself.
    """
    from urllib.parse import urlsplit

    from mlops_assets.running.together import run_together, services
    from mlops_assets.settings import load_settings

    settings = load_settings(project, environment)
    started = services(
        settings,
        port=(port or settings.serve_port) if server else None,
        dagster_port=dagster_port or urlsplit(settings.dagster_ui).port or 3000,
        mlflow_port=mlflow_port or urlsplit(settings.mlflow_ui).port or 5000,
        workers=workers or settings.serve_workers,
    )
    raise typer.Exit(run_together(started, lambda line: typer.echo(line, err=True), settings))
