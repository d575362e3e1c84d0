"""Bytes under a root: whole files that appear at once or not at all, on local disk or behind fsspec."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlops_assets.data.store.documents import sha256
from mlops_assets.data.store.errors import StoreError, writing

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

TEMPORARY = ".tmp-"


@dataclass(frozen=True)
class Found:
    """A file below the root: relative path, size in bytes, time of last change (UTC; None where the storage does not say)."""

    path: str
    bytes: int
    modified: datetime | None


class Files(Protocol):
    """What the store needs of a file system. Paths are relative to the root, with ``/``."""

    url: str

    def read(self, path: str) -> Any:
        """The file as one buffer; ``FileNotFoundError`` if it is not there."""

    def read_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Small files at once; those that are not there are left out."""

    def size(self, path: str) -> int | None:
        """Size in bytes, or None if it is not there."""

    def write(self, path: str, data: Any) -> None:
        """Put a whole file in place atomically, over what may be there."""

    def create(self, path: str, data: bytes) -> bool:
        """Put a small file in place only if none is there; False if there was one.

        On object stores of two that do it at the same instant both may be told True; the later file stays.
        """

    def scratch(self, folder: str) -> contextlib.AbstractContextManager[Path]:
        """A local path for a large file that :meth:`adopt` then puts in place."""

    def adopt(self, scratch: Path, path: str) -> None:
        """Put a finished scratch file in place atomically."""

    def touch(self, path: str) -> bool:
        """Make an existing file young again for retention; False if that needs a rewrite."""

    def find(self, prefix: str) -> list[Found]:
        """All files below ``prefix``, sorted by path."""

    def delete(self, path: str) -> None:
        """Remove a file; nothing happens if it is not there."""

    def local(self, path: str, digest: str) -> Path:
        """A path on this machine with these bytes, whose SHA-256 is ``digest`` (verified)."""


class LocalFiles:
    """A folder. Files are written beside their place, flushed to disk and renamed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)
        self._verified: dict[tuple[str, int, int, int, int], str] = {}

    def _path(self, path: str) -> Path:
        return self.root / path

    def read(self, path: str) -> Any:
        import pyarrow as pa

        full = self._path(path)
        if full.stat().st_size == 0:
            return b""
        return pa.memory_map(str(full)).read_buffer()

    def read_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        found = {}
        for path in paths:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                found[path] = self._path(path).read_bytes()
        return found

    def size(self, path: str) -> int | None:
        try:
            return self._path(path).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, path: str, data: Any) -> None:
        with self.scratch(os.path.dirname(path)) as scratch:  # noqa: PTH120
            with writing(self.url + "/" + path):
                scratch.write_bytes(data)
            self.adopt(scratch, path)

    def create(self, path: str, data: bytes) -> bool:
        with self.scratch(os.path.dirname(path)) as scratch, writing(self.url + "/" + path):  # noqa: PTH120
            scratch.write_bytes(data)
            _flush(scratch)
            try:
                os.link(scratch, self._path(path))
            except FileExistsError:
                return False
            _flush(scratch.parent)
            return True

    @contextmanager
    def scratch(self, folder: str) -> Iterator[Path]:
        parent = self._path(folder)
        with writing(str(parent)):
            parent.mkdir(parents=True, exist_ok=True)
        scratch = parent / f"{TEMPORARY}{uuid.uuid4().hex}"
        try:
            yield scratch
        finally:
            with contextlib.suppress(OSError):
                scratch.unlink(missing_ok=True)

    def adopt(self, scratch: Path, path: str) -> None:
        target = self._path(path)
        with writing(str(target)):
            _flush(scratch)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(scratch, target)  # noqa: PTH105
            _flush(target.parent)

    def touch(self, path: str) -> bool:
        try:
            os.utime(self._path(path))
        except OSError:
            return False
        return True

    def find(self, prefix: str) -> list[Found]:
        found = []
        stack = [self._path(prefix)]
        while stack:
            try:
                entries = list(os.scandir(stack.pop()))
            except (FileNotFoundError, NotADirectoryError):
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    stack.append(Path(entry.path))
                    continue
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat()
                    path = Path(entry.path).relative_to(self.root).as_posix()
                    found.append(Found(path, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)))
        return sorted(found, key=lambda file: file.path)

    def delete(self, path: str) -> None:
        with writing(self.url + "/" + path):
            self._path(path).unlink(missing_ok=True)

    def local(self, path: str, digest: str) -> Path:
        full = self._path(path)
        status = full.stat()
        mark = (path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        if self._verified.get(mark) != digest:
            if sha256(self.read(path)) != digest:
                raise StoreError("the file was altered after it was stored.", where=str(full))
            self._verified[mark] = digest
        return full


class RemoteFiles:
    """An object store or any other fsspec file system, where a put of one object is atomic."""

    def __init__(self, filesystem: AbstractFileSystem, root: str, url: str, cache: Path) -> None:
        self._fs = filesystem
        self._root = root.rstrip("/")
        self.url = url.rstrip("/")
        self._cache = cache

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def read(self, path: str) -> Any:
        return self._fs.cat_file(self._path(path))

    def read_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        wanted = {self._path(path): path for path in paths}
        if not wanted:
            return {}
        with ThreadPoolExecutor(min(16, len(wanted))) as pool:
            contents = pool.map(self._read_or_none, wanted)
            return {wanted[full]: content for full, content in zip(wanted, contents, strict=True) if content is not None}

    def _read_or_none(self, full: str) -> bytes | None:
        try:
            content: bytes = self._fs.cat_file(full)
            return content
        except FileNotFoundError:
            return None

    def size(self, path: str) -> int | None:
        try:
            return int(self._fs.info(self._path(path))["size"])
        except FileNotFoundError:
            return None

    def write(self, path: str, data: Any) -> None:
        with writing(f"{self.url}/{path}"):
            self._fs.pipe_file(self._path(path), bytes(data))

    def create(self, path: str, data: bytes) -> bool:
        if self.size(path) is not None:
            return False
        self.write(path, data)
        return True

    @contextmanager
    def scratch(self, folder: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="mlops-store-") as parent:
            yield Path(parent) / "scratch"

    def adopt(self, scratch: Path, path: str) -> None:
        with writing(f"{self.url}/{path}"):
            self._fs.put_file(str(scratch), self._path(path))

    def touch(self, path: str) -> bool:
        return False

    def find(self, prefix: str) -> list[Found]:
        try:
            details = self._fs.find(self._path(prefix), detail=True)
        except FileNotFoundError:
            return []
        start = len(self._root) + 1
        found = [Found(full[start:], int(info["size"] or 0), _modified(info)) for full, info in details.items() if info["type"] == "file"]
        return sorted(found, key=lambda file: file.path)

    def delete(self, path: str) -> None:
        with writing(f"{self.url}/{path}"), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(path))
        self._copy(path, Path(path).stem).unlink(missing_ok=True)

    def local(self, path: str, digest: str) -> Path:
        target = self._copy(path, digest)
        if target.is_file() and sha256(target.read_bytes()) == digest:
            return target
        content = self.read(path)
        if sha256(content) != digest:
            raise StoreError("the file was altered after it was stored.", where=f"{self.url}/{path}")
        LocalFiles(self._cache).write(target.relative_to(self._cache).as_posix(), content)
        return target

    def _copy(self, path: str, digest: str) -> Path:
        return self._cache / digest[:2] / f"{digest}{Path(path).suffix}"


def open_files(url: str, cache: Path | None = None, **options: Any) -> Files:
    """The file system that a path or URL names.

    Raises:
        StoreError: for a URL whose protocol is unknown or whose driver is not installed.
    """
    if "://" not in url:
        return LocalFiles(Path(url).expanduser().resolve())
    if url.startswith("file://"):
        return LocalFiles(Path(url.removeprefix("file://")).resolve())
    from fsspec.core import url_to_fs

    try:
        filesystem, root = url_to_fs(url, use_listings_cache=False, **options)
    except (ValueError, ImportError) as error:
        raise StoreError(f"{url!r} cannot be opened: {error}", do="Install the driver of that protocol, or use a folder.") from error
    return RemoteFiles(filesystem, root, url, cache or _default_cache())


def is_older(file: Found, seconds: float) -> bool:
    """Whether a file was last changed more than ``seconds`` ago; unknown counts as old."""
    return file.modified is None or file.modified.timestamp() < time.time() - seconds


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mlops-assets" / "store"


def _modified(info: dict[str, Any]) -> datetime | None:
    value = info.get("LastModified") or info.get("mtime") or info.get("created") or info.get("updated")
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return None


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
