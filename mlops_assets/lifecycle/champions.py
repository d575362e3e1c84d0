"""The champion of a time: what a candidate is compared with, what scores a partition, and the reference that it is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.errors import RED, MlopsError
from mlops_assets.lifecycle.bundles import bundle_by_digest

if TYPE_CHECKING:
    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.ledger.state import DeploymentState, Version
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.monitoring.reference import Reference


class NoChampion(MlopsError):
    """Nothing serves, so there is nothing to score with or to watch."""

    exit_code = RED


def champion_of_its_time(state: DeploymentState, key: str | None) -> Version | None:
    """The present champion, or the latest former one, that is not younger than ``key``."""
    reigned = [state.versions[interval.version] for interval in reversed(state.intervals)]
    if state.champion is not None:
        reigned.insert(0, state.versions[state.champion])
    return next((v for v in reigned if v.pruned is None and (key is None or v.as_of is None or v.as_of <= key)), None)


def champion_for(workspace: Workspace, name: str, key: str | None) -> Version:
    """The champion that scores ``key``: the present one, or for an older ``key`` the latest that did not learn from what came after it.

    Raises:
        NoChampion: saying how to get one.
    """
    state = workspace.ledger.state(name)
    version = champion_of_its_time(state, key)
    if version is not None:
        return version
    environment = workspace.settings.environment
    if not state.intervals:
        raise NoChampion(
            f"{name} has no champion in {environment}.", do=f"`mlops run {name}` makes a candidate, `mlops promote {name}` champion."
        )
    earliest = min(str(state.versions[interval.version].as_of) for interval in state.intervals)
    raise NoChampion(
        f"every champion of {name} in {environment} learned from what came after {key}.", do=f"Score {earliest} or a later partition."
    )


def champion_bundle(workspace: Workspace, name: str, key: str | None) -> Bundle | None:
    """The champion that a model as of ``key`` is judged against: one that did not learn from what came after ``key``.

    That is the present champion, or for an older ``key`` the latest former one that is not younger; None if there is none.
    """
    version = champion_of_its_time(workspace.ledger.state(name), key)
    if version is None:
        return None
    return bundle_of_version(workspace, version)


def bundle_of_version(workspace: Workspace, version: Version) -> Bundle:
    """The bundle of a registered version, every byte checked."""
    return bundle_by_digest(workspace, str(version.digests["bundle"]))


def reference_of(workspace: Workspace, name: str, version: Version) -> Reference:
    """The reference of a version; made from its stored training set where it was judged before references were kept."""
    from mlops_assets.monitoring.reference import build_reference, get_reference, put_reference

    found = get_reference(workspace.store, str(version.digests["bundle"]))
    if found is not None:
        return found
    bundle = bundle_of_version(workspace, version)
    reference = build_reference(bundle, training_set_of(workspace, name, version))
    put_reference(workspace.store, reference)
    return reference


def training_set_of(workspace: Workspace, name: str, version: Version) -> TrainingSet:
    """What a version learned from and was judged on."""
    from mlops_assets.data.training_sets.training_set import load_training_set

    manifest = workspace.store.manifest(f"{name}/training_set", version.as_of, str(version.digests["data"]))
    return load_training_set(manifest, workspace.store)
