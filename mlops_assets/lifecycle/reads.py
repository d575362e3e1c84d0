"""Which state of its files each stored partition of a data set is known to be what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_assets.data.store import Manifest
    from mlops_assets.lifecycle.workspace import Workspace

_SHORT = 16
"""Digits of a version's digest: too few to keep alive what nothing else names (:func:`mlops_assets.data.store.retention.collect`)."""

Seen = tuple["Manifest", Mapping[str, Any] | None]
"""A current version, and the state of the files that were read and gave its rows."""


def note_state(workspace: Workspace, dataset: str, seen: Iterable[Seen]) -> None:
    """Remember that files in these states gave the rows of these versions; what the manifest itself says needs no remembering."""
    known = _known(workspace, dataset)
    after = dict(known)
    for manifest, state in seen:
        place = manifest.partition or ""
        if state is None or (manifest.read_from or {}).get("digest") == state["digest"]:
            after.pop(place, None)
        else:
            after[place] = [manifest.digest[:_SHORT], state["digest"]]
    if after != known:
        workspace.store.set_pointer(_pointer(dataset), {"partitions": after})


def last_states(workspace: Workspace, dataset: str, stored: Mapping[str | None, Manifest]) -> dict[str | None, str]:
    """Digest of the record ``source`` of the newest state that gave the rows of each version; without those of which none is known."""
    known = _known(workspace, dataset)
    found: dict[str | None, str] = {}
    for key, manifest in stored.items():
        version, state = known.get(key or "", ("", ""))
        if version == manifest.digest[:_SHORT]:
            found[key] = state
        elif manifest.read_from is not None:
            found[key] = str(manifest.read_from["digest"])
    return found


def _known(workspace: Workspace, dataset: str) -> dict[str, Any]:
    pointer = workspace.store.get_pointer(_pointer(dataset))
    return dict(pointer["partitions"]) if pointer else {}


def _pointer(dataset: str) -> str:
    return f"reads/{dataset}"
