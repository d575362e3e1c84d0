"""Servers that several tests share: starting one takes seconds, since it loads every library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlops_assets.modeling.bundle import Bundle
from tests.serving.projects import LIGHTGBM, Project, Running, start

SKLEARN = {"sklearn": "sklearn.linear_model.LogisticRegression"}


@dataclass
class Deployment:
    """A running server with three models of different kinds, a key that may call them, and one for ``m`` alone."""

    project: Project
    server: Running
    bundles: dict[str, Bundle]
    key: str
    key_for_m: str


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    project = Project(tmp_path_factory.mktemp("deployed"))
    bundles = {
        "m": project.trained("m"),
        "levels": project.trained("levels", task="multiclass_classification", estimator=LIGHTGBM),
        "linear": project.trained("linear", estimator=SKLEARN),
        "amount": project.trained("amount", task="regression"),
    }
    for model, bundle in bundles.items():
        project.promoted(bundle, model)
    key, key_for_m = project.key("caller", "viewer"), project.key("caller", name="only_m", scopes=["test/m"])
    server = start(project, serve_body_mb=0.5, serve_rows=500)
    yield Deployment(project, server, bundles, key, key_for_m)
    assert server.stop() == 0, server.log.read_text()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")
