"""Train a model on its training set, store the bundle by its digest, log it to MLflow."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.bundles import BUNDLES, provenance_of
from mlops_assets.lifecycle.making.attempt import Attempt, recorded
from mlops_assets.lifecycle.pointers import point
from mlops_assets.lifecycle.results import Document, Link, Rows, Stored

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.spec import Model


def train_model(workspace: Workspace, name: str, key: str | None, attempt: Attempt) -> Stored:
    """Train model ``name`` at ``key`` on its current training set.

    Raises:
        MlopsError: where there is no training set.
    """
    from mlops_assets.data.training_sets.training_set import load_training_set
    from mlops_assets.modeling.training import train

    model, store = workspace.catalogue.models[name], workspace.store
    manifest = store.current(f"{name}/training_set", key)
    if manifest is None:
        raise MlopsError(f"there is no {name}/training_set{f' at {key}' if key else ''}.", do=f"Materialize {name}/training_set first.")
    training_set = load_training_set(manifest, store)
    provenance = provenance_of(workspace, name, key, training_set)
    with (
        recorded(workspace, attempt, name, "model", key) as run,
        tempfile.TemporaryDirectory(dir=workspace.scratch) as scratch,
    ):
        folder = Path(scratch) / "bundle"
        trained = train(model, training_set, folder, provenance, definitions=workspace.catalogue.folder(name))
        tree = store.put_tree(BUNDLES, folder)
        store.set_pointer(f"{BUNDLES}/{trained.bundle.digest}", {"tree": tree})
        run.log_params({**trained.params, "seed": model.training.seed, "estimator": model.training.estimator.kind})
        run.log_data_versions(manifest.digest, manifest.inputs)
        run.log_trials(trained.trials, _searched(model))
        run.log_bundle(folder, trained.bundle)
    body: dict[str, Any] = {
        "bundle": trained.bundle.digest,
        "tree": tree,
        "trees": trained.bundle.trees_digest,
        "training_set": manifest.digest,
        "spec": provenance.spec_digest,
        "mlflow_run_id": run.run_id,
        "mlflow_url": run.url,
        "dagster_run_id": attempt.run_id,
    }
    point(workspace, name, "model", key, body)
    shown: dict[str, Any] = {
        "train_rows": trained.rows,
        "seconds": trained.seconds,
        **{part: body[part] or "" for part in ("bundle", "trees", "training_set", "spec")},
        "calibration": trained.calibrated,
        "parameters": Document(trained.params),
        "importance": Rows([{"feature": feature, "importance": float(value)} for feature, value in trained.importance]),
        "MLflow run": Link(run.url),
    }
    if trained.notes:
        shown["notes"] = "; ".join(trained.notes)
    if workspace.settings.sample < 1:
        shown["trained_on_a_sample_of"] = workspace.settings.sample
    return Stored(key, trained.bundle.digest, shown)


def _searched(model: Model) -> str:
    tune = model.training.tune
    return (tune.metric if tune else None) or model.main_metric
