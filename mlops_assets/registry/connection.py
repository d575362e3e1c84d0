"""What runs and versions share: a client on one MLflow store, and the experiment that a project logs to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlops_assets.registry import links
from mlops_assets.registry.errors import RegistryError

if TYPE_CHECKING:
    from mlflow import MlflowClient


class Connection:
    """One MLflow store, reached through its client alone: nothing here depends on MLflow's active run."""

    def __init__(self, *, client: MlflowClient, tracking_uri: str, experiment_id: str, experiment: str, ui: str = links.DEFAULT_UI) -> None:
        self.client = client
        self.tracking_uri = tracking_uri
        self.experiment_id = experiment_id
        self.experiment = experiment
        self.ui = ui

    def run_url(self, run_id: str) -> str:
        """Page of a run."""
        return links.run_url(self.ui, self.experiment_id, run_id)

    def version_url(self, name: str, version: int) -> str:
        """Page of a registered version."""
        return links.version_url(self.ui, name, version)

    @contextmanager
    def as_default(self) -> Iterator[None]:
        """Make this store MLflow's default for a moment: its SQL registry looks logged models up in the default store."""
        import mlflow

        before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None  # type: ignore[no-untyped-call]
        if before == self.tracking_uri:
            yield
            return
        mlflow.set_tracking_uri(self.tracking_uri)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # None unsets it again


@contextmanager
def translated(tracking_uri: str) -> Iterator[None]:
    """Turn MLflow's own failures into a :class:`RegistryError` that says what to do."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        text = str(error).splitlines()[0]
        if "out-of-date database schema" in text:
            raise RegistryError(
                "the MLflow database was made by another version of MLflow.",
                where=tracking_uri,
                do=f"Back it up, then run `mlflow db upgrade {tracking_uri}`.",
            ) from error
        said = text.partition(" with exception ")[0]
        raise RegistryError(f"{said}.", where=tracking_uri, do="See that MLflow's store is reachable and writable.") from error
