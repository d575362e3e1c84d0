"""Bundles in MLflow: logged as pyfunc models, found again by their digest, and checked byte by byte when they come back."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
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

    Requirements come from the bundle's own record of library versions, so nothing is inferred and the model is not loaded.

    Raises:
        BundleError: when the folder holds no bundle, or one that was altered.
        RegistryError: when MLflow refuses.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model
    from mlflow.pyfunc import save_model

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
            metadata={"bundle": digest, **body["signature"]},
        )
        try:
            link = Path(scratch) / FOLDER
            link.symlink_to(folder.resolve(), target_is_directory=True)
            target = Path(scratch) / "model"
            with warnings.catch_warnings():
                # An input example would put rows of data into the registry.
                warnings.filterwarnings("ignore", message=".*An input example was not provided")
                save_model(
                    path=str(target),
                    loader_module=LOADER,
                    data_path=str(link),
                    mlflow_model=described,
                    signature=to_mlflow(body["task"], body["classes"], Signature.from_json(body["signature"])),
                    pip_requirements=_requirements(provenance["libraries"]),
                )
            connection.client.log_model_artifacts(model.model_id, str(target))
            connection.client.finalize_logged_model(model.model_id, "READY")
        except BaseException:
            connection.client.finalize_logged_model(model.model_id, "FAILED")
            raise
        if run_id:
            connection.client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])
    return _logged(connection, model.model_id, digest, run_id)


def find_bundle(connection: Connection, digest: str) -> LoggedBundle | None:
    """The oldest complete logged model that holds the bundle with this digest; None where there is none."""
    with translated(connection.tracking_uri):
        found = connection.client.search_logged_models(
            [connection.experiment_id],
            filter_string=f"tags.`{t.BUNDLE}` = {t.quoted(digest)}",
            order_by=[{"field_name": "creation_timestamp", "ascending": True}],
        )
    ready: list[LoggedModel] = [model for model in found if str(model.status) == "READY"]
    if not ready:
        return None
    return _logged(connection, ready[0].model_id, digest, ready[0].source_run_id)


def download_bundle(connection: Connection, model_id: str, to: Path, *, digest: str | None = None) -> Path:
    """Copy the bundle of a logged model to the folder ``to`` and check every byte of it.

    Raises:
        RegistryError: when it is not there, was altered, or is not the one with ``digest``.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    from mlops_assets.errors import MlopsError
    from mlops_assets.modeling.bundle import verify

    where = f"models:/{model_id}"
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


def _requirements(libraries: Mapping[str, str]) -> list[str]:
    pinned = [f"{name}=={found}" for name, found in sorted(libraries.items()) if name not in ("python", "mlops-assets")]
    try:
        return [f"mlops-assets=={version('mlops-assets')}", *pinned]
    except PackageNotFoundError:
        return pinned or ["pandas"]
