"""Copies of a project made once, so that each test may change its own."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

PLACES = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
    "model_versions": "storage_location",
}
"""Tables and columns where MLflow keeps absolute paths."""


def copy_project(project: Path, to: Path) -> Path:
    """Copy ``project`` with its store, its ledger and its MLflow; what a test removes or adds there is the copy's alone."""
    shutil.copytree(project, to)
    return move_in(to, str(project))


def move_in(project: Path, before: str) -> Path:
    """Let the MLflow of ``project``, which was at ``before``, find its artifacts where it is now."""
    from mlflow.tracking._tracking_service import utils

    database = project / ".mlops" / "mlflow.db"
    if database.is_file():
        with closing(sqlite3.connect(database)) as connection, connection:
            for table, column in PLACES.items():
                connection.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (before, str(project)))
        utils._artifact_repos_cache.clear()
    return project
