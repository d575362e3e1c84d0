"""Where people look: links into the services of a project that run now, and how to start those that do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.registry.links import moved_to, version_url
from mlops_assets.serving.services import DAGSTER, MLFLOW, PREDICTIONS, running

if TYPE_CHECKING:
    from mlops_assets.settings import Settings

START = "`mlops up` starts Dagster, MLflow and the prediction server, and says where they are"


@dataclass(frozen=True)
class Places:
    """Where Dagster, MLflow and the prediction server are found now; None: it does not run."""

    dagster: str | None = None
    mlflow: str | None = None
    predictions: str | None = None

    def to_json(self) -> dict[str, str]:
        """Those that run."""
        named = {DAGSTER: self.dagster, MLFLOW: self.mlflow, PREDICTIONS: self.predictions}
        return {name: url for name, url in named.items() if url is not None}

    def mlflow_page(self, kept: str | None) -> str | None:
        """A page of MLflow that was kept with the address of then."""
        return moved_to(self.mlflow, kept) if self.mlflow is not None and kept else None

    def mlflow_version(self, name: str, version: int) -> str | None:
        """The page of a registered version."""
        return version_url(self.mlflow, name, version) if self.mlflow is not None else None

    def dagster_run(self, run_id: str | None) -> str | None:
        """The page of a Dagster run."""
        return f"{self.dagster}/runs/{run_id}" if self.dagster is not None and run_id else None


def places(settings: Settings) -> Places:
    """Where the services of a project are now."""
    found = {name: one.url for name, one in running(settings).items()}
    return Places(found.get(DAGSTER), found.get(MLFLOW), found.get(PREDICTIONS))
