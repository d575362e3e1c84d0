"""Which bundle a version is and by which definition it was made, so that it can be built again."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.bundles import DEFINITIONS, bundle_by_digest
from mlops_assets.lifecycle.records import record_of
from mlops_assets.spec.digest import spec_digest

if TYPE_CHECKING:
    from mlops_assets.governance.reproduction import Reproduction
    from mlops_assets.ledger.state import Version
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.spec.catalogue import Catalogue


def reproduce_version(workspace: Workspace, name: str, version: int) -> tuple[Version, Bundle, Reproduction]:
    """Build version ``version`` of model ``name`` again and compare.

    Raises:
        MlopsError: when there is no such version, or its bundle is not in the store.
    """
    from mlops_assets.governance.reproduction import Reproduction, reproduce

    registered = version_of(workspace, name, version)
    bundle = bundle_by_digest(workspace, str(registered.digests["bundle"]))
    definition = _definition(workspace, name, bundle.provenance.spec_digest)
    if definition is None:
        gone = f"its definition {bundle.provenance.spec_digest[:12]} is neither the present one nor kept in this store"
        return registered, bundle, Reproduction("inconclusive", gone)
    catalogue, changed = definition
    with tempfile.TemporaryDirectory(dir=workspace.scratch) as folder:
        memory = workspace.settings.duckdb_memory
        found = reproduce(bundle, workspace.store, catalogue, Path(folder), changed=changed, memory_limit=memory)
    if found.status == "inconclusive" and found.rows is None and registered.source is not None:
        origin = registered.source
        where = (
            f"it came from {origin['environment']}, whose store holds its data: `mlops reproduce {name} {origin['version']} --environment"
        )
        found = Reproduction("inconclusive", f"{found.detail}; {where} {origin['environment']}`", differs=found.differs)
    return registered, bundle, found


def version_of(workspace: Workspace, name: str, version: int) -> Version:
    """A registered version.

    Raises:
        MlopsError: when the ledger knows none of this number.
    """
    state = workspace.ledger.state(name)
    if version not in state.versions:
        raise MlopsError(
            f"{name} has no version {version} in {state.environment}.",
            valid=[str(number) for number in sorted(state.versions)] or ["none is registered"],
        )
    return state.versions[version]


def _definition(workspace: Workspace, name: str, digest: str) -> tuple[Catalogue, list[str]] | None:
    """The definition with this digest, and what of it could not be brought back."""
    from mlops_assets.governance.reproduction import recorded_definition

    if name in workspace.catalogue.models and spec_digest(name, workspace.catalogue) == digest:
        return workspace.catalogue, []
    kept = record_of(workspace.store, DEFINITIONS, digest)
    return None if kept is None else recorded_definition(kept, workspace.definitions.read)
