"""A project of an earlier version goes on: its dagster.yaml, store, ledger, MLflow and bundles are read as they are.

`earlier_project.tar.xz` holds the shop of :mod:`tests.components.project` as `mlops run churn --as-of 2026-02-11` and `mlops promote churn`
left it at `/project` when asset bodies still did the work. It has no checkpoints of its ledger, whose key is no test's to keep.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from mlops_assets.cli.main import app
from mlops_assets.instance.events import QuickEventLogStorage
from mlops_assets.instance.opening import open_instance
from mlops_assets.lifecycle.workspace import open_workspace
from mlops_assets.settings import load_settings
from tests.copies import move_in

ARCHIVE = Path(__file__).with_name("earlier_project.tar.xz")
TRAINED, LATER = "2026-02-11", "2026-02-18"
BUNDLE = "c7faa55342c88374329d172e14fb93b137ecbd5467cc7087a4e50208748d9b7f"
"""Digest of its champion."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "project", filter="data")
    monkeypatch.chdir(tmp_path)
    open_workspace.cache_clear()
    return move_in(tmp_path / "project", "/project")


def mlops(project: Path, *words: str, code: int = 0) -> Any:
    """What a command answers as JSON."""
    done = CliRunner().invoke(app, [*words, "--json", "--project", str(project)])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_its_dagster_yaml_names_the_storage_where_it_was_and_its_records_are_there(project: Path) -> None:
    assert "mlops_assets.components.instance_storage" in (project / "dagster_home" / "dagster.yaml").read_text()
    with open_instance(load_settings(project)) as instance:
        assert isinstance(instance.event_log_storage, QuickEventLogStorage)
        assert instance.get_materialized_partitions(dg.AssetKey(["churn", "evaluation"])) == {TRAINED}
        assert len(instance.get_materialized_partitions(dg.AssetKey("orders"))) == 40


def test_nothing_that_it_made_is_out_of_date(project: Path) -> None:
    from mlops_assets.lifecycle.bundles import outdated
    from mlops_assets.lifecycle.needs import needed_datasets, needed_views, read_by_model
    from mlops_assets.lifecycle.pointers import require

    workspace = open_workspace(project)
    reads = read_by_model(workspace, "churn", TRAINED)
    assert not [*needed_datasets(workspace, reads.datasets)]
    assert not [*needed_views(workspace, reads.views)]
    assert outdated(workspace, "churn", TRAINED, require(workspace, "churn", "model", TRAINED)) == []


def test_its_champion_still_serves_is_rebuilt_to_the_same_trees_and_is_what_the_next_one_is_compared_with(project: Path) -> None:
    assert mlops(project, "status", "churn")["champion"] == 1
    assert mlops(project, "reproduce", "churn", "1")["status"] == "pass"
    assert mlops(project, "audit", "dossier", "churn", "1")["version"] == 1
    verdict = mlops(project, "run", "churn", "--as-of", LATER, code=1)["verdict"]
    (compared,) = [gate for gate in verdict["gates"] if gate["name"] == "champion"]
    assert verdict["champion"] == BUNDLE
    assert compared["n"] > 0
    assert compared["status"] == "inconclusive"


def test_its_logged_model_loads_through_mlflow_and_scores_as_its_bundle_does(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    from mlops_assets.data.training_sets.training_set import load_training_set
    from mlops_assets.lifecycle.bundles import bundle_by_digest

    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    workspace = open_workspace(project)
    bundle = bundle_by_digest(workspace, BUNDLE)
    manifest = workspace.store.current("churn/training_set", TRAINED)
    assert manifest is not None
    rows = load_training_set(manifest, workspace.store).table.select([feature.name for feature in bundle.signature.features]).to_pandas()
    (logged,) = (project / ".mlops" / "mlartifacts").glob("*/models/*/artifacts")
    assert list(mlflow.pyfunc.load_model(str(logged)).predict(rows)) == list(bundle.predict(rows))
