"""Trained bundles in the store: which one is meant, what it came from, and whether that still holds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError
from mlops_assets.spec.digest import definition, spec_digest
from mlops_assets.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.modeling.bundle import Bundle, Provenance

BUNDLES, VERDICTS, EVALUATIONS, FIGURES, DEFINITIONS = "bundles", "verdicts", "evaluations", "figures", "definitions"


def provenance_of(workspace: Workspace, name: str, key: str | None, training_set: TrainingSet) -> Provenance:
    """What a bundle that is trained now on ``training_set`` comes from; the definition is kept under its digest."""
    from mlops_assets.modeling.bundle import Provenance

    return Provenance(
        model=name,
        as_of=key,
        spec_digest=workspace.store.put_record(DEFINITIONS, definition(name, workspace.catalogue)),
        data=dict(training_set.manifest.inputs),
        training_set=training_set.manifest.digest,
        code_version=__version__,
        environment=workspace.settings.environment,
        sample=workspace.settings.sample,
        seed=workspace.catalogue.models[name].training.seed,
    )


def bundle_of(workspace: Workspace, trained: Mapping[str, Any]) -> Bundle:
    """The bundle that a model asset stored, every byte checked against both of its digests.

    Raises:
        StoreError: when a stored byte was altered.
        BundleError: when it is another bundle than the one that was trained.
    """
    from mlops_assets.modeling.bundle import Bundle

    folder = Path(tempfile.mkdtemp(prefix="bundle-", dir=workspace.scratch))
    workspace.store.get_tree(BUNDLES, trained["tree"], folder / "bundle")
    return Bundle.load(folder / "bundle", digest=trained["bundle"])


def bundle_by_digest(workspace: Workspace, digest: str) -> Bundle:
    """A stored bundle by its own digest, every byte checked."""
    found = workspace.store.get_pointer(f"{BUNDLES}/{digest}")
    if found is None:
        raise MlopsError(f"the store holds no bundle {digest[:12]}.", where=workspace.settings.store_url)
    if at := found.get("pruned"):
        raise MlopsError(f"the bundle {digest[:12]} was pruned at {at[:16]}Z.", do="Train another version; its dossier is still there.")
    return bundle_of(workspace, {"tree": found["tree"], "bundle": digest})


def digests_of(trained: Mapping[str, Any]) -> dict[str, Any]:
    """The digests that a verdict binds."""
    return {
        "bundle": trained["bundle"],
        "trees": trained["trees"],
        "data": trained["training_set"],
        "spec": trained["spec"],
    }


def outdated(workspace: Workspace, name: str, key: str | None, trained: Mapping[str, Any]) -> list[str]:
    """What has changed since the model was trained: the definition, the training set."""
    changed = []
    if trained["spec"] != spec_digest(name, workspace.catalogue):
        changed.append("the definition")
    manifest = workspace.store.current(f"{name}/training_set", key)
    if manifest is None or manifest.digest != trained["training_set"]:
        changed.append("the training set")
    return changed
