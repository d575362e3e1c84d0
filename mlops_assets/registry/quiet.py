"""Keep MLflow to what a reader of stderr can use, and keep it from calling home."""

from __future__ import annotations

import logging
import os

_CHATTY = (
    "mlflow.store.db.utils",  # "Creating initial MLflow database tables..." on the first open
    "alembic.runtime.migration",
    "alembic.runtime.plugins",
    "mlflow.store.model_registry.abstract_store",  # "Waiting up to 300 seconds for model version to finish creation"
    "mlflow.store.model_registry.sqlalchemy_store",
)

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",  # else a uv.lock in the current folder is copied into every logged model
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout belongs to the command's answer
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4",  # the default waits minutes for a server that is not there
}


def quiet_mlflow() -> None:
    """Before MLflow is imported: no telemetry, no progress chatter. Warnings and errors still come through.

    Environment variables that the user has set stay as they are.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
