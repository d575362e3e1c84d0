"""Directories stored by content: the digest is that of the sorted (name, SHA-256) list."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from mlops_assets.data.store import layout
from mlops_assets.data.store.documents import canonical, sha256
from mlops_assets.data.store.errors import StoreError, writing
from mlops_assets.data.store.files import Files

LISTING = "_tree.json"
"""The file that names all others of a directory; written last, it makes the directory whole."""


def tree_listing(folder: Path) -> list[list[str]]:
    """Sorted ``[relative name, SHA-256]`` of every file below ``folder``.

    Raises:
        StoreError: when it is no folder, is empty, or holds a symbolic link.
    """
    if not folder.is_dir():
        raise StoreError("there is no such folder.", where=str(folder))
    listing = []
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise StoreError("a symbolic link cannot be stored.", where=str(path), do="Put the file itself there.")
        if path.is_file():
            listing.append([path.relative_to(folder).as_posix(), sha256(path.read_bytes())])
    if not listing:
        raise StoreError("the folder holds no files.", where=str(folder))
    return sorted(listing)


def put_tree(files: Files, kind: str, folder: Path) -> str:
    """Store every file, then the listing that makes the directory whole; returns the digest."""
    listing = tree_listing(folder)
    digest = sha256(canonical(listing))
    root = layout.tree_folder(kind, digest)
    for name, sha in listing:
        content = (folder / name).read_bytes()
        if sha256(content) != sha:
            raise StoreError("the file changed while it was being stored.", where=str(folder / name), do="Store the folder again.")
        path = f"{root}/files/{name}"
        if files.size(path) != len(content) or sha256(files.read(path)) != sha:
            files.write(path, content)
    files.write(f"{root}/{LISTING}", canonical(listing))
    return digest


def get_tree(files: Files, kind: str, digest: str, to: Path) -> Path:
    """Copy a stored directory to ``to``, which appears whole or not at all.

    Raises:
        StoreError: when there is none, a byte differs, or ``to`` exists with other content.
    """
    listing = read_listing(files, kind, digest)
    if to.exists() and any(to.iterdir()):
        if tree_listing(to) == listing:
            return to
        raise StoreError(f"the folder exists and does not hold {kind} {digest[:12]}.", where=str(to), do="Remove it, or name another.")
    root = layout.tree_folder(kind, digest)
    with writing(str(to)):
        to.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        for name, sha in listing:
            try:
                content = files.read(f"{root}/files/{name}")
            except FileNotFoundError:
                raise StoreError("the file is missing.", where=f"{files.url}/{root}/files/{name}") from None
            if sha256(content) != sha:
                raise StoreError("the file was altered after it was stored.", where=f"{files.url}/{root}/files/{name}")
            with writing(str(to)):
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                (part / name).write_bytes(content)
        with writing(str(to)):
            part.chmod(0o755)
            try:
                os.replace(part, to)  # noqa: PTH105
            except OSError:
                if tree_listing(to) != listing:
                    raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return to


def delete_tree(files: Files, kind: str, digest: str) -> int:
    """Remove a stored directory for good, the listing that makes it whole first; returns its bytes, 0 where there was none."""
    found = files.find(layout.tree_folder(kind, digest))
    for file in sorted(found, key=lambda file: not file.path.endswith(f"/{LISTING}")):
        files.delete(file.path)
    return sum(file.bytes for file in found)


def read_listing(files: Files, kind: str, digest: str) -> list[list[str]]:
    """The listing of a stored directory, checked against its digest."""
    path = f"{layout.tree_folder(kind, digest)}/{LISTING}"
    content = files.read_many([path]).get(path)
    if content is None:
        raise StoreError(f"there is no {kind} {digest[:12]}.", where=files.url)
    if sha256(content) != digest:
        raise StoreError("the listing was altered after it was stored.", where=f"{files.url}/{path}")
    listing: list[list[str]] = json.loads(content)
    return listing


def trees(files: Files, kind: str) -> list[str]:
    """Digests of the whole directories of a kind, sorted."""
    root = layout.tree_folder(kind, "0" * 64).rpartition("/")[0]
    return sorted(file.path.split("/")[-2] for file in files.find(root) if file.path.endswith(f"/{LISTING}") and file.path.count("/") == 3)
