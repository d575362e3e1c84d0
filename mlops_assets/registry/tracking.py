"""Open the MLflow that a project logs to; it is created on first use, safely under concurrent first steps."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.registry.connection import translated
from mlops_assets.registry.errors import RegistryError
from mlops_assets.registry.links import DEFAULT_UI
from mlops_assets.registry.locks import exclusive, sqlite_file
from mlops_assets.registry.quiet import quiet_mlflow
from mlops_assets.registry.runs import Runs
from mlops_assets.registry.versions import Versions

if TYPE_CHECKING:
    from mlflow import MlflowClient

DEFAULT_EXPERIMENT = "mlops-assets"


class Registry(Runs, Versions):
    """Runs (`parent_run`, `step_run`, `finish`, `close_stale`) and versions (`register`, `set_alias`, `fetch`, `sync`)."""


def open_registry(
    tracking_uri: str,
    artifact_root: str = "",
    *,
    experiment: str = DEFAULT_EXPERIMENT,
    ui: str = DEFAULT_UI,
) -> Registry:
    """The registry behind ``tracking_uri``; its database, experiment and artifact folder are created if they are missing.

    Args:
        tracking_uri: any MLflow tracking URI (``sqlite:///…``, ``postgresql://…``, ``http://…``); it serves as registry too.
        artifact_root: folder or URL under which a new experiment keeps its files. A tracking server decides for itself
            unless this is a URL.
        experiment: name of the experiment that holds all runs of a project. Nested runs are shown only within one.
        ui: where people open MLflow; links point there.

    Raises:
        RegistryError: when MLflow does not answer, or its database has the schema of another MLflow.
    """
    quiet_mlflow()
    from mlflow import MlflowClient

    with translated(tracking_uri), exclusive(tracking_uri):
        file = sqlite_file(tracking_uri)
        fresh = file is not None and not file.exists()
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        experiment_id = _experiment(client, tracking_uri, artifact_root, experiment)
        if file is not None and fresh:
            _write_ahead(file)
    return Registry(client=client, tracking_uri=tracking_uri, experiment_id=experiment_id, experiment=experiment, ui=ui)


def _experiment(client: MlflowClient, tracking_uri: str, artifact_root: str, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage != "active":
            raise RegistryError(
                f"experiment {name!r} was deleted.",
                where=tracking_uri,
                do=f"Restore it: `mlflow experiments restore -x {found.experiment_id}`.",
            )
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=_location(tracking_uri, artifact_root, name)))


def _location(tracking_uri: str, artifact_root: str, name: str) -> str | None:
    if "://" in artifact_root:
        return f"{artifact_root.rstrip('/')}/{name}"
    if not artifact_root or tracking_uri.startswith(("http://", "https://")):
        return None
    return str(Path(artifact_root).resolve() / name)


def _write_ahead(file: Path) -> None:
    # Readers (the MLflow UI, sensors) and a writing step then do not lock each other out. The mode stays with the file.
    import sqlite3

    with closing(sqlite3.connect(file, timeout=60)) as connection:
        connection.execute("pragma journal_mode=wal")
