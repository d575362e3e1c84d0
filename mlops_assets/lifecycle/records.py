"""What a registered version was made from and judged by, found by its number for as long as the store lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.bundles import DEFINITIONS, EVALUATIONS, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_assets.data.store import Store
    from mlops_assets.lifecycle.workspace import Workspace


def keep_version(
    workspace: Workspace, name: str, version: int, key: str | None, trained: Mapping[str, Any], judged: Mapping[str, Any], card: str
) -> None:
    """Keep what version ``version`` came from: its training, its evaluation, the facts of its training set, its card's address."""
    manifest = workspace.store.manifest(f"{name}/training_set", key, trained["training_set"])
    body = {
        **trained,
        "partition": key,
        "verdict": judged["verdict"],
        "evaluation": judged["evaluation"],
        "facts": dict(manifest.facts),
        "card": card,
    }
    workspace.store.set_pointer(_pointer(workspace.settings.environment, name, version), body)


def kept_version(workspace: Workspace, name: str, version: int) -> dict[str, Any] | None:
    """What :func:`keep_version` kept, or None for a version that this store does not know."""
    return workspace.store.get_pointer(_pointer(workspace.settings.environment, name, version))


def record_of(store: Store, kind: str, digest: str | None) -> dict[str, Any] | None:
    """A stored document, or None where the store does not hold it."""
    if digest is None:
        return None
    try:
        return store.get_record(kind, digest)
    except MlopsError:
        return None


def copy_version(source: Workspace, target: Workspace, name: str, version: int, number: int) -> None:
    """Let ``target``'s store know as version ``number`` what ``source``'s knows of ``version``, with its documents."""
    kept = kept_version(source, name, version)
    if kept is None:
        return
    for kind, digest in ((VERDICTS, kept["verdict"]), (EVALUATIONS, kept["evaluation"]), (DEFINITIONS, kept["spec"])):
        if (document := record_of(source.store, kind, digest)) is not None:
            target.store.put_record(kind, document)
    target.store.set_pointer(_pointer(target.settings.environment, name, number), kept)


def _pointer(environment: str, name: str, version: int) -> str:
    return f"{environment}/{name}/versions/{version}"
