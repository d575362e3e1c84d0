"""Bundles in MLflow: logged as pyfunc models, found again by their digest, and checked byte by byte when they come back."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.registry import links
from mlops_assets.registry import tags as t
from mlops_assets.registry.connection import Connection, translated
from mlops_assets.registry.errors import RegistryError

if TYPE_CHECKING:
    from mlflow.entities.logged_model import LoggedModel
    from mlflow.models import Model

LOADER = "mlops_assets.registry.pyfunc"
FOLDER = "bundle"
"""Name of the bundle's folder inside the logged model: ``data/bundle``."""

_AGAIN = "Materialize the model again; the versioned store holds the bundle as it was."


@dataclass(frozen=True)
class LoggedBundle:
    """A bundle in MLflow.

    Attributes:
        model_id: MLflow's id, ``m-…``.
        digest: of the bundle.
        uri: what ``mlflow.pyfunc.load_model`` takes.
        url: page in the MLflow UI.
        run_id: the run that logged it; None for one that came from elsewhere.
    """

    model_id: str
    digest: str
    uri: str
    url: str
    run_id: str | None


def log_bundle(
    connection: Connection, folder: Path, *, name: str | None = None, run_id: str | None = None, tags: Mapping[str, Any] | None = None
) -> LoggedBundle:
    """Log the bundle in ``folder`` under model ``name``, by default the one that its provenance names.

    The model is not loaded for it, no requirement is inferred, and no row of data goes along as an example.

    Raises:
        BundleError: when the folder holds no bundle, or one that was altered.
        RegistryError: when MLflow refuses.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    from mlops_assets.modeling.bundle import verify
    from mlops_assets.modeling.signature import Signature
    from mlops_assets.registry.signature import to_mlflow

    body = verify(folder)
    digest, provenance = body["digest"], body["provenance"]
    name = name or str(provenance["model"])
    facts = {"mlops.as_of": provenance["as_of"], "mlops.sample": provenance["sample"], "mlops.trees": body["trees_digest"]}
    own = t.as_tags({**(tags or {}), **facts, t.BUNDLE: digest, t.MODEL: name})
    with translated(connection.tracking_uri), tempfile.TemporaryDirectory(prefix="mlops-bundle-") as scratch:
        model = connection.client.create_logged_model(
            connection.experiment_id, name=name, source_run_id=run_id, tags=own, params={"task": body["task"]}
        )
        described = Model(
            artifact_path=model.artifact_location,
            model_uuid=model.model_id,
            model_id=model.model_id,
            run_id=run_id,
            signature=to_mlflow(body["task"], body["classes"], Signature.from_json(body["signature"])),
            metadata={"bundle": digest, **body["signature"]},
        )
        try:
            write_pyfunc(Path(scratch), folder, described, provenance["libraries"])
            connection.client.log_model_artifacts(model.model_id, scratch)
            connection.client.finalize_logged_model(model.model_id, "READY")
        except BaseException:
            connection.client.finalize_logged_model(model.model_id, "FAILED")
            raise
        if run_id:
            connection.client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])
    return _logged(connection, model.model_id, digest, run_id)


def find_bundles(connection: Connection, digest: str) -> list[LoggedBundle]:
    """The complete logged models that claim to hold the bundle with this digest, oldest first."""
    with translated(connection.tracking_uri):
        found: Sequence[LoggedModel] = connection.client.search_logged_models(
            [connection.experiment_id],
            filter_string=f"tags.`{t.BUNDLE}` = {t.quoted(digest)}",
            order_by=[{"field_name": "creation_timestamp", "ascending": True}],
        )
    ready = [model for model in found if str(model.status) == "READY"]
    return [_logged(connection, model.model_id, digest, model.source_run_id) for model in ready]


def check_bundle(connection: Connection, model_id: str, digest: str) -> None:
    """Read a logged bundle back and check every byte of it.

    Raises:
        RegistryError: as :func:`download_bundle`.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-check-") as scratch:
        download_bundle(connection, model_id, Path(scratch) / "bundle", digest=digest)


def discard_bundle(connection: Connection, digest: str, when: str) -> int:
    """Remove the bundle's files from every logged model that holds it, whose records stay and are tagged; returns how many held it."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    held = 0
    with translated(connection.tracking_uri):
        for logged in find_bundles(connection, digest):
            model = connection.client.get_logged_model(logged.model_id)
            repository = get_artifact_repository(model.artifact_location, tracking_uri=connection.tracking_uri)
            if any(Path(file.path).name == FOLDER for file in repository.list_artifacts("data")):
                repository.delete_artifacts(f"data/{FOLDER}")  # type: ignore[no-untyped-call]
                held += 1
            connection.client.set_logged_model_tags(logged.model_id, {t.PRUNED: when})
    return held


def download_bundle(connection: Connection, model_id: str, to: Path, *, digest: str | None = None) -> Path:
    """Copy the bundle of a logged model to the new folder ``to`` and check every byte of it.

    Raises:
        RegistryError: when it is not there, was altered, or is not the one with ``digest``.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    from mlops_assets.errors import MlopsError
    from mlops_assets.modeling.bundle import verify

    where = f"models:/{model_id}"
    if to.exists():
        raise RegistryError("the folder to copy to is there already.", where=str(to), do="Name a new one.")
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mlops-fetch-", dir=to.parent) as scratch:
        try:
            location = connection.client.get_logged_model(model_id).artifact_location
            copied = download_artifacts(artifact_uri=f"{location}/data/{FOLDER}", dst_path=scratch, tracking_uri=connection.tracking_uri)
            found = verify(Path(copied))["digest"]
        except (MlflowException, OSError) as error:
            raise RegistryError(f"the bundle cannot be read: {error}", where=where, do=_AGAIN) from error
        except MlopsError as error:
            raise RegistryError(f"MLflow's copy of the bundle was altered: {error}", where=where, do=_AGAIN) from error
        if digest is not None and found != digest:
            raise RegistryError(f"MLflow's copy holds bundle {found[:12]}, not {digest[:12]}.", where=where, do=_AGAIN)
        Path(copied).rename(to)
    return to


def _logged(connection: Connection, model_id: str, digest: str, run_id: str | None) -> LoggedBundle:
    url = links.logged_model_url(connection.ui, connection.experiment_id, model_id)
    return LoggedBundle(model_id, digest, f"models:/{model_id}", url, run_id)


def write_pyfunc(target: Path, folder: Path, described: Model, libraries: Mapping[str, str]) -> None:
    """Write the bundle in ``folder`` into the empty directory ``target`` in MLflow's model format.

    MLflow's own ``save_model`` writes the same files, but first compares the requirements with everything that is
    installed, which takes longer than all the rest.
    """
    import platform

    import yaml
    from mlflow.pyfunc import add_to_model

    shutil.copytree(folder, target / "data" / FOLDER)
    described.model_size_bytes = sum(path.stat().st_size for path in (target / "data").rglob("*") if path.is_file())
    add_to_model(described, LOADER, data=f"data/{FOLDER}", conda_env="conda.yaml", python_env="python_env.yaml")  # type: ignore[no-untyped-call]
    described.save(str(target / "MLmodel"))
    requirements, python = _requirements(libraries), platform.python_version()
    conda = {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": requirements}],
    }
    virtual = {"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
    for name, environment in {"conda.yaml": conda, "python_env.yaml": virtual}.items():
        (target / name).write_text(yaml.safe_dump(environment, sort_keys=False), encoding="utf-8")
    (target / "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")


def _requirements(libraries: Mapping[str, str]) -> list[str]:
    known = {name: found for name, found in libraries.items() if name != "python"}
    for name in ("mlflow", "mlops-assets"):
        with contextlib.suppress(PackageNotFoundError):
            known[name] = version(name)
    return [f"{name}=={found}" for name, found in sorted(known.items())]
