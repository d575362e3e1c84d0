"""Under which declaration each partition of a data set was read, so that a changed one is read again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mlops_assets.spec.digest import declaration_digest

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace

_FIELDS = (
    "source",
    "prepare",
    "kind",
    "partitions",
    "event_time",
    "available_at",
    "primary_key",
    "columns",
    "on_invalid",
    "max_invalid",
)
"""Keys of a data set that decide which rows are stored, and how."""


def note_read(workspace: Workspace, dataset: str, keys: Iterable[str | None]) -> None:
    """Remember that partitions ``keys`` were read under today's declaration."""
    digest = _digest(workspace, dataset)
    known = _known(workspace, dataset)
    read = {key: digest for key in keys if key is not None}
    if any(known.get(key) != digest for key in read):
        workspace.store.set_pointer(_pointer(dataset), {"partitions": {**known, **read}})


def read_differently(workspace: Workspace, dataset: str, keys: Sequence[str]) -> list[str]:
    """Those of ``keys`` that were read under another declaration than today's. One whose reading nobody noted is none of them."""
    digest, known = _digest(workspace, dataset), _known(workspace, dataset)
    return [key for key in keys if known.get(key, digest) != digest]


def _digest(workspace: Workspace, dataset: str) -> str:
    return declaration_digest(dataset, workspace.catalogue, _FIELDS)[:16]


def _known(workspace: Workspace, dataset: str) -> dict[str, str]:
    found = workspace.store.get_pointer(_pointer(dataset))
    return dict(found["partitions"]) if found else {}


def _pointer(dataset: str) -> str:
    return f"declared/{dataset}"
