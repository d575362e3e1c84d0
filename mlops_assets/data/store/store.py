"""The store itself: versions of assets, and beside them directories, documents and small pointers under one root."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_assets.data.store import layout, trees
from mlops_assets.data.store.documents import canonical, document, sha256
from mlops_assets.data.store.errors import StoreError
from mlops_assets.data.store.files import open_files
from mlops_assets.data.store.versions import Versions


def open_store(url: str, *, cache: Path | None = None, **options: Any) -> Store:
    """Open the store at a local path or any fsspec URL; it is created by the first write.

    Tested on local disk, on fsspec's memory file system and against moto's S3 server through s3fs; ``gs`` and ``abfs``
    go the same way through their fsspec drivers.

    Args:
        url: ``state/store``, ``s3://bucket/prefix``, ``memory://name``, …
        cache: folder for verified local copies of remote files; default: the user's cache folder.
        options: storage options of the fsspec driver.
    """
    return Store(open_files(url, cache, **options))


class Store(Versions):
    """Versions of partitions of assets, directories, documents and pointers under one root. Safe to use from threads."""

    def put_tree(self, kind: str, folder: Path) -> str:
        """Store a directory under the digest of its sorted file names and contents; returns the digest."""
        return trees.put_tree(self.files, kind, folder)

    def get_tree(self, kind: str, digest: str, to: Path) -> Path:
        """Copy a stored directory to ``to``, after checking every byte; returns ``to``."""
        return trees.get_tree(self.files, kind, digest, to)

    def delete_tree(self, kind: str, digest: str) -> int:
        """Remove a stored directory for good; returns its bytes, 0 where there was none."""
        return trees.delete_tree(self.files, kind, digest)

    def trees(self, kind: str) -> list[str]:
        """Digests of the stored directories of a kind, sorted."""
        return trees.trees(self.files, kind)

    def put_record(self, kind: str, body: Mapping[str, Any]) -> str:
        """Store a document under the digest of its canonical JSON; returns the digest."""
        content = canonical(dict(body))
        digest = sha256(content)
        path = layout.record_file(kind, digest)
        if self.files.read_many([path]).get(path) != content:
            self.files.write(path, content)
        return digest

    def get_record(self, kind: str, digest: str) -> dict[str, Any]:
        """A stored document.

        Raises:
            StoreError: when there is none, or it was altered.
        """
        path = layout.record_file(kind, digest)
        content = self.files.read_many([path]).get(path)
        if content is None:
            raise StoreError(f"there is no {kind} {digest[:12]}.", where=self.url)
        if sha256(content) != digest:
            raise StoreError("the record was altered after it was stored.", where=f"{self.url}/{path}")
        return document(content, path)

    def records(self, kind: str) -> list[str]:
        """Digests of the stored documents of a kind, sorted."""
        return [layout.document_name(file.path) for file in self.files.find(layout.records_folder(kind))]

    def set_pointer(self, name: str, body: Mapping[str, Any]) -> None:
        """Replace a small document atomically."""
        self.files.write(layout.pointer_file(name), canonical(dict(body)))

    def create_pointer(self, name: str, body: Mapping[str, Any]) -> bool:
        """Put a small document only if there is none of that name; False if there is."""
        return self.files.create(layout.pointer_file(name), canonical(dict(body)))

    def get_pointer(self, name: str) -> dict[str, Any] | None:
        """The document that was last set, or None."""
        path = layout.pointer_file(name)
        content = self.files.read_many([path]).get(path)
        return None if content is None else document(content, f"{self.url}/{path}")

    def delete_pointer(self, name: str) -> None:
        """Remove a small document."""
        self.files.delete(layout.pointer_file(name))
