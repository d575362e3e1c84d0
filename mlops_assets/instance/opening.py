"""The Dagster instance of a project."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from mlops_assets.settings import Settings


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance in the project's `dagster_home`, which is made if it is not there.

    Its `dagster.yaml` may name `DAGSTER_HOME`, so the variable is set while the file is read, and only then: one process may
    work on several projects. Two processes take turns, because Dagster's tables can not be made twice at once.
    """
    from filelock import FileLock

    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(home)
    try:
        with FileLock(home / "opening.lock"):
            return dg.DagsterInstance.from_config(str(home))
    finally:
        if before is None:
            del os.environ["DAGSTER_HOME"]
        else:
            os.environ["DAGSTER_HOME"] = before
