"""Where things lie below the root.

``data/<asset>/partition=<key>/<sha256>.parquet`` (``data/<asset>/unpartitioned/…`` without partitions), and beside the
data, in names that start with an underscore and that Parquet tools therefore pass over: ``_manifests/<digest>.json``,
``_history/<time>-<digest>.json``, ``_quarantined/<sha256>.parquet``, ``_tombstones/<digest>.json`` and the pointer
``_current.json``. Directories of files are in ``trees/``, documents in ``records/``, small pointers in ``pointers/``.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from mlops_assets.data.store.errors import StoreError

UNPARTITIONED = "unpartitioned"
_ASSET = re.compile(r"^[A-Za-z][\w.\-]*(/[A-Za-z][\w.\-]*)*$")
_KIND = re.compile(r"^[A-Za-z][\w\-]*$")
_DIGEST = re.compile(r"^[0-9a-f]{64}$")


def asset_folder(asset: str) -> str:
    """Folder of an asset.

    Raises:
        StoreError: for a name that is no asset name.
    """
    if not _ASSET.match(asset) or any(part == UNPARTITIONED for part in asset.split("/")):
        raise StoreError(f"{asset!r} is no asset name.", valid=("orders", "churn/training_set"))
    return f"data/{asset}"


def partition_folder(asset: str, partition: str | None) -> str:
    """Folder of one partition; the key is percent-encoded, as hive-style readers expect."""
    if partition == "":
        raise StoreError("a partition key cannot be empty.", where=asset)
    return f"{asset_folder(asset)}/{UNPARTITIONED if partition is None else 'partition=' + quote(partition, safe='')}"


def split_folder(folder: str) -> tuple[str, str | None] | None:
    """Asset and partition of a partition folder; None if ``folder`` is not one."""
    parent, _, last = folder.removeprefix("data/").rpartition("/")
    if last == UNPARTITIONED:
        return parent, None
    return (parent, unquote(last.removeprefix("partition="))) if last.startswith("partition=") else None


def current_file(asset: str, partition: str | None) -> str:
    """The pointer to the current version."""
    return f"{partition_folder(asset, partition)}/_current.json"


def manifest_file(asset: str, partition: str | None, digest: str) -> str:
    """The manifest of one version."""
    return f"{partition_folder(asset, partition)}/_manifests/{checked(digest)}.json"


def tombstone_file(asset: str, partition: str | None, digest: str) -> str:
    """What says that a version's rows were erased."""
    return f"{partition_folder(asset, partition)}/_tombstones/{checked(digest)}.json"


def record_file(kind: str, digest: str) -> str:
    """One document."""
    return f"records/{_kind(kind)}/{checked(digest)}.json"


def records_folder(kind: str) -> str:
    """All documents of a kind."""
    return f"records/{_kind(kind)}"


def tree_folder(kind: str, digest: str) -> str:
    """One directory of files."""
    return f"trees/{_kind(kind)}/{checked(digest)}"


def pointer_file(name: str) -> str:
    """One small replaceable document."""
    if not name or name.startswith("/") or any(part in ("", ".", "..") for part in name.split("/")):
        raise StoreError(f"{name!r} is no pointer name.", valid=("schema/orders", "churn/evaluation@2026-01-01"))
    return f"pointers/{quote(name, safe='/@=')}.json"


def document_name(path: str) -> str:
    """Name of the document at ``path``: its digest, where it is stored under one."""
    return path.rpartition("/")[2].removesuffix(".json")


def checked(digest: str) -> str:
    """``digest`` itself, if it is a SHA-256.

    Raises:
        StoreError: if it is not.
    """
    if not _DIGEST.match(digest):
        raise StoreError(f"{digest!r} is no digest; it has 64 hexadecimal digits.")
    return digest


def _kind(kind: str) -> str:
    if not _KIND.match(kind):
        raise StoreError(f"{kind!r} is no kind of record; use letters, digits and underscores.")
    return kind
