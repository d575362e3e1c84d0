"""Remove bundles that nothing needs: say so in the ledger first, then in MLflow, then in the store; the dossier stays whole."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.bundles import BUNDLES
from mlops_assets.lifecycle.decisions import approvals_needed
from mlops_assets.lifecycle.workspace import Workspace
from mlops_assets.settings import ENVIRONMENTS, load_settings
from mlops_assets.spec.durations import Duration

if TYPE_CHECKING:
    from mlops_assets.governance.retention import Holding
    from mlops_assets.ledger.actors import Actor
    from mlops_assets.ledger.state import DeploymentState

FOREVER = "forever"
UNKNOWN_RISK = "high"
"""What a model counts as that is no longer declared here: it is kept longest."""


def look(workspace: Workspace) -> list[Holding]:
    """Every version whose bundle lies in the workspace's store, in whatever environment, and what keeps it."""
    from mlops_assets.governance.retention import holdings

    return holdings(_deployments(workspace), lambda model, since: _kept_until(workspace, model, since), workspace.now())


def prune(workspace: Workspace, chosen: list[Holding], actor: Actor, reason: str) -> list[tuple[Holding, int]]:
    """Remove the bundles of ``chosen``, which are prunable, and what an interrupted pruning left; returns versions and bytes.

    A version of another environment is pruned there as well, since the bundle is one.

    Raises:
        Refused: when a version is needed after all, such as one that was promoted meanwhile.
    """
    from mlops_assets.ledger.actions import prune as record

    shared: dict[str, Workspace] = {one.settings.environment: one for one in _sharing(workspace)}
    for holding in chosen:
        where = shared[holding.environment]
        needed = approvals_needed(where, holding.model)
        record(where.ledger, holding.model, holding.version, actor, reason=reason, needed=needed, environment=holding.environment)
    gone = [holding for holding in look(workspace) if holding.pruned is not None]
    still = {holding.bundle for holding in look(workspace) if holding.pruned is None}
    found, done = [], set()
    for holding in gone:
        if holding.bundle in still:
            continue
        pointer = workspace.store.get_pointer(f"{BUNDLES}/{holding.bundle}")
        if pointer is None or holding.bundle in done:
            continue
        if not pointer.get("pruned"):
            found.append((holding, _remove(shared.values(), holding, pointer)))
        done.add(holding.bundle)
    return found


def _remove(shared: Any, holding: Holding, pointer: dict[str, Any]) -> int:
    """Take the bundle out of MLflow and of the store; the pointer stays and says so, with what the dossier needs of the bundle."""
    workspaces = list(shared)
    store = workspaces[0].store
    kept = {**pointer, "provenance": pointer.get("provenance") or _provenance(workspaces[0], pointer["tree"])}
    store.set_pointer(f"{BUNDLES}/{holding.bundle}", kept)
    for uri in sorted({one.settings.mlflow_tracking_uri for one in workspaces}):
        one = next(one for one in workspaces if one.settings.mlflow_tracking_uri == uri)
        one.registry.discard(holding.bundle, str(holding.pruned))
    size = int(store.delete_tree(BUNDLES, pointer["tree"]))
    store.set_pointer(f"{BUNDLES}/{holding.bundle}", {**kept, "pruned": holding.pruned})
    return size


def _provenance(workspace: Workspace, tree: str) -> Any:
    """What the bundle came from; None where it cannot be read."""
    from mlops_assets.modeling.bundle import verify

    with tempfile.TemporaryDirectory(dir=workspace.scratch) as folder:
        try:
            return json.loads(json.dumps(verify(workspace.store.get_tree(BUNDLES, tree, Path(folder) / "bundle"))["provenance"]))
        except MlopsError:
            return None


def _deployments(workspace: Workspace) -> dict[tuple[str, str], DeploymentState]:
    found: dict[tuple[str, str], DeploymentState] = {}
    for one in _sharing(workspace):
        found |= {at: state for at, state in one.ledger.fold().deployments.items() if at[0] == one.settings.environment}
    return found


def _sharing(workspace: Workspace) -> list[Workspace]:
    """The workspaces of every environment of this project whose bundles lie in the same store."""
    found = [workspace]
    for environment in ENVIRONMENTS:
        settings = load_settings(workspace.settings.project, environment)
        if environment != workspace.settings.environment and settings.store_url == workspace.settings.store_url:
            found.append(Workspace(settings))
    return found


def _kept_until(workspace: Workspace, model: str, since: datetime) -> datetime | None:
    declared = workspace.catalogue.models.get(model)
    if declared is None and workspace.definitions.errors_of(model):
        return None  # how long its declaration keeps bundles cannot be read
    risk = UNKNOWN_RISK if declared is None else declared.risk or "limited"
    keep = workspace.settings.keep_bundles[risk]
    return None if keep == FOREVER else Duration.parse(keep).after(since)
