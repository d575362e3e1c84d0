"""The records that the dossier of a version is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.bundles import BUNDLES, DEFINITIONS, EVALUATIONS, VERDICTS, bundle_by_digest
from mlops_assets.lifecycle.decisions import approvals_known
from mlops_assets.lifecycle.places import places
from mlops_assets.lifecycle.records import kept_version, record_of
from mlops_assets.lifecycle.reproduction import version_of
from mlops_assets.spec.digest import spec_digest, written

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def dossier_of(workspace: Workspace, name: str, number: int) -> dict[str, Any]:
    """The dossier of version ``number`` of model ``name`` in the workspace's environment.

    Raises:
        MlopsError: when there is no such version.
    """
    from mlops_assets.governance.dossier import DossierRecords, build_dossier
    from mlops_assets.ledger.verify import verify

    version = version_of(workspace, name, number)
    kept = kept_version(workspace, name, number) or {}
    bundle = str(version.digests["bundle"])
    provenance: dict[str, Any] | None
    try:
        provenance = bundle_by_digest(workspace, bundle).provenance.to_json()
    except MlopsError:
        provenance = (workspace.store.get_pointer(f"{BUNDLES}/{bundle}") or {}).get("provenance")
    here = places(workspace.settings)
    links = {
        "MLflow version": here.mlflow_version(name, number),
        "MLflow training run": here.mlflow_page(kept.get("mlflow_url")),
        "model card": here.mlflow_page(kept.get("card")),
    }
    found = verify(workspace.ledger).to_json()
    records = DossierRecords(
        events=list(workspace.ledger.events(name)),
        provenance=provenance,
        declaration=_declaration(workspace, name, str(version.digests.get("spec"))),
        facts=kept.get("facts") or {},
        evaluation=record_of(workspace.store, EVALUATIONS, kept.get("evaluation")) or {},
        verdict=record_of(workspace.store, VERDICTS, kept.get("verdict")),
        needed=approvals_known(workspace, name),
        links={title: url for title, url in links.items() if url},
        ledger={part: found[part] for part in ("status", "events", "head", "checkpoints", "proven", "problems")},
    )
    return build_dossier(workspace.ledger.state(name), number, records)


def _declaration(workspace: Workspace, name: str, digest: str) -> dict[str, Any] | None:
    """The model's declaration as it was when the version was trained."""
    kept = record_of(workspace.store, DEFINITIONS, digest)
    if kept is not None:
        declaration: dict[str, Any] = kept[name]["declaration"]
        return declaration
    present = name in workspace.catalogue.models and spec_digest(name, workspace.catalogue) == digest
    return written(name, workspace.catalogue) if present else None
