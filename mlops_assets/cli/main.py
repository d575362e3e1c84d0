"""Entry point of `mlops`: puts the groups together and turns errors into messages and exit codes."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import NoReturn

import typer

from mlops_assets.errors import BAD_INPUT, CRASHED, INTERRUPTED, MlopsError

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
    epilog=(
        "Exit codes: 0 done. 1 the answer is no: a gate is red, a verification found a difference, `check` found errors, the ledger "
        "refuses. 2 bad use or bad input: a name, an option, a key, a setting, a definition, a file or rows. 3 neither: something failed; "
        "a traceback says where. 130 interrupted."
    ),
)

_OF_A_PATH = (PermissionError, FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)

for group in GROUPS:
    importlib.import_module(f"mlops_assets.cli.{group}").register(app)


def run() -> None:
    """Run the command line; ends with an exit code of :mod:`mlops_assets.errors`."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        app()
    except MlopsError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted; what was finished before is kept", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os._exit(0)
    except OSError as error:
        if not isinstance(error, _OF_A_PATH) or error.filename is None:
            _crash()
        print(f"error: {error.filename}: {str(error.strerror).lower()}.", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except Exception:
        _crash()


def _crash() -> NoReturn:
    traceback.print_exc()
    print("error: this is no mistake of yours, or one that nothing here knows; the lines above say where.", file=sys.stderr)
    sys.exit(CRASHED)
