"""Entry point of `mlops`: puts the groups together and turns errors into messages and exit codes."""

from __future__ import annotations

import importlib
import os
import sys

import typer

from mlops_assets.errors import MlopsError

GROUPS = (
    "init",
    "check",
    "plan",
    "run",
    "demo",
    "store",
    "deployment",
    "approvals",
    "principals",
    "registry",
    "audit",
    "reproduce",
    "publish",
    "refresh",
    "serve",
    "up",
)

app = typer.Typer(
    name="mlops",
    help="One YAML file per model; the whole life of the model as Dagster assets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

for group in GROUPS:
    importlib.import_module(f"mlops_assets.cli.{group}").register(app)


def run() -> None:
    """Run the command line. Exit codes: 0 done, 1 a red answer, 2 bad use or bad input, 130 interrupted."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        app()
    except MlopsError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted; what was finished before is kept", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os._exit(0)
