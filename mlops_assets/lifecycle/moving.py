"""Bring a bundle from one environment to another, under the same digests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.errors import MlopsError
from mlops_assets.ledger.errors import Refused
from mlops_assets.ledger.words import ENVIRONMENTS
from mlops_assets.lifecycle.bundles import BUNDLES
from mlops_assets.lifecycle.records import copy_version

if TYPE_CHECKING:
    from mlops_assets.ledger.actors import Actor
    from mlops_assets.lifecycle.workspace import Workspace


def bring(target: Workspace, source: Workspace, name: str, version: int | None, who: Actor) -> int:
    """Register in ``target``'s environment the bundle of ``version`` (default: the champion) in ``source``'s; returns its number there.

    Raises:
        MlopsError: when there is no such version.
        Refused: when the bundle may not move, as one trained on a sample out of dev.
    """
    from mlops_assets.ledger import actions

    origin, environment = source.settings.environment, target.settings.environment
    if origin == environment:
        raise MlopsError(f"--from and --to are both {origin}.", do="Name two environments: --from test --to prod.")
    there = source.ledger.state(name)
    chosen = version if version is not None else there.champion
    if chosen is None or chosen not in there.versions:
        found = f"has no version {version}" if version is not None else "has no champion"
        listed = ", ".join(str(number) for number in sorted(there.versions)) or "none"
        error = Refused if version is None else MlopsError
        raise error(f"{name} {found} in {origin}.", do=f"Registered there: {listed}.")
    if ENVIRONMENTS.index(origin) > ENVIRONMENTS.index(environment):
        raise Refused(f"a bundle does not move from {origin} to {environment}.", do="It moves from dev to test to prod.")
    moved = there.versions[chosen]
    if moved.sample < 1 and origin == "dev":
        raise Refused(
            f"{name} {chosen} learned from a sample of {moved.sample:.0%} of the data, and such a bundle never leaves dev.",
            do=f"Train it in {environment} on the full history.",
        )
    actions.may_move(source.ledger, name, chosen, origin)
    bundle = str(moved.digests["bundle"])
    here = target.ledger.state(name).version_of(bundle)
    if here is not None:
        return here.number
    number = chosen
    if source.settings.mlflow_tracking_uri != target.settings.mlflow_tracking_uri:
        number = _copy_registration(target, source, name, chosen, bundle)
    if source.settings.store_url != target.settings.store_url:
        _copy_bundle(target, source, bundle)
    copy_version(source, target, name, chosen, number)
    actions.move(source.ledger, target.ledger, name, chosen, who, origin=origin, environment=environment, number=number)
    return number


def _copy_registration(target: Workspace, source: Workspace, name: str, version: int, bundle: str) -> int:
    """Register the bundle in the other MLflow as well; returns its version there."""
    folder = source.registry.fetch(name, version, Path(target.scratch) / f"moved-{bundle[:12]}")
    tags = {"environment": target.settings.environment, "moved.from": f"{source.settings.environment} version {version}"}
    return target.registry.register(name, bundle, folder=folder, tags=tags).version


def _copy_bundle(target: Workspace, source: Workspace, bundle: str) -> None:
    """Copy the bundle's files to the other store under the same digests, every byte checked."""
    pointer = source.store.get_pointer(f"{BUNDLES}/{bundle}")
    if pointer is None:
        raise MlopsError(f"the store of {source.settings.environment} does not hold bundle {bundle[:12]}.", where=source.settings.store_url)
    folder = source.store.get_tree(BUNDLES, pointer["tree"], Path(target.scratch) / f"tree-{bundle[:12]}")
    target.store.put_tree(BUNDLES, folder)
    target.store.set_pointer(f"{BUNDLES}/{bundle}", pointer)
