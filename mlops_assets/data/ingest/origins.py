"""Where the rows of a read came from: how many, from which files in which state, and the place of a single row."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.paths import is_url, public
from mlops_assets.data.store import Store

if TYPE_CHECKING:
    from mlops_assets.data.sources.pieces import Piece

Stamp = tuple[int, int] | None
"""Size and time of the last change of a local file; None of what is none."""

_WHOLE = 2**30
_END = 2**20


class Origins:
    """The pieces of one read, in order. Rows are numbered from 0 through all of them.

    Args:
        project: folder against which places are told.
        files: files that any row may come from, where pieces do not say it, as after `prepare`; with their stamps when they were read.
    """

    def __init__(self, project: Path, files: Mapping[str, Stamp] | None = None) -> None:
        self._project, self._files = project, dict(files or {})
        self._firsts: list[int] = []
        self._pieces: list[Piece] = []
        self._lock = Lock()
        self._stamps = dict(self._files)
        self._states: dict[str, dict[str, Any]] = {}
        self._records: dict[tuple[str, ...], dict[str, Any]] = {}
        self.rows = 0
        self.left_out: Counter[str] = Counter()
        """Rows that belong to no partition of the read, by cause."""

    @property
    def read(self) -> int:
        """All rows of the source that were read, also those that are in no piece."""
        return self.rows + sum(sum(piece.left_out.values()) for piece in self._pieces)

    def add(self, piece: Piece) -> int:
        """Note a piece; returns the number of its first row."""
        first = self.rows
        self._firsts.append(first)
        if piece.origin is not None and piece.origin not in self._stamps:
            self._stamps[piece.origin] = stamp(piece.origin)
        self._pieces.append(replace(piece, table=piece.table.slice(0, 0)))
        self.rows += piece.table.num_rows
        self.left_out.update(piece.left_out)
        return first

    def place(self, row: int) -> str | None:
        """Where a row stands: ``data/a.csv:7``; None where rows have no lines."""
        number = bisect_right(self._firsts, row) - 1
        piece = self._pieces[number]
        if piece.origin is None or piece.line_of is None:
            return None
        return f"{named(piece.origin, self._project)}:{piece.line_of(piece.first + row - self._firsts[number])}"

    def state(self, partition: str | None, store: Store) -> dict[str, Any]:
        """In which state the files were that rows of a partition may come from: how many, their bytes, and the record that lists them.

        Raises:
            SourceError: when one of them changed while it was read.
        """
        own = {piece.origin for piece in self._pieces if piece.origin and piece.partition in (None, partition)}
        paths = sorted({*own, *self._files})
        with self._lock:
            for path in paths:
                if path not in self._states:
                    found = states([path], self._project)
                    if stamp(path) != self._stamps.get(path):
                        raise SourceError("it changed while it was read.", where=named(path, self._project), do="Run it again.")
                    self._states[path] = found
            key = tuple(paths)
            if key not in self._records:
                listed = {name: state for path in paths for name, state in self._states[path].items()}
                self._records[key] = recorded(listed, store)
        return self._records[key]


def recorded(files: Mapping[str, Mapping[str, Any]], store: Store) -> dict[str, Any]:
    """The states of files as a manifest has them: how many, their bytes, and the digest of the record that lists them."""
    digest = store.put_record("source", {"files": dict(files)})
    return {"files": len(files), "bytes": sum(state["bytes"] for state in files.values()), "digest": digest}


def states(paths: list[str], project: Path) -> dict[str, Any]:
    """What files are like, by their path as a project has it: bytes, and the SHA-256 of the content.

    Of files over 1 GiB the digest is of the size, the time of the last change and both ends; of remote files it is what their store
    says of them.
    """
    return {named(path, project): _state(path) for path in paths}


def named(path: str, project: Path) -> str:
    """A file as a project names it: relative to its folder where it lies in there."""
    if is_url(path):
        return public(path)
    full = Path(path)
    return full.relative_to(project).as_posix() if full.is_relative_to(project) else full.as_posix()


def stamp(path: str) -> Stamp:
    """By what it is seen that a file changes while it is read."""
    if is_url(path) or not Path(path).is_file():
        return None
    found = Path(path).stat()
    return found.st_size, found.st_mtime_ns


def _state(path: str) -> Mapping[str, Any]:
    if is_url(path):
        from fsspec.core import url_to_fs

        filesystem, place = url_to_fs(path, use_listings_cache=False)
        return {"bytes": filesystem.size(place), "digest": hashlib.sha256(str(filesystem.ukey(place)).encode()).hexdigest()}
    file = Path(path)
    found = file.stat()
    with file.open("rb") as content:
        if found.st_size <= _WHOLE:
            return {"bytes": found.st_size, "digest": hashlib.file_digest(content, "sha256").hexdigest()}
        digest = hashlib.sha256(f"{found.st_size} {found.st_mtime_ns}".encode())
        digest.update(content.read(_END))
        content.seek(-_END, 2)
        digest.update(content.read(_END))
        return {"bytes": found.st_size, "digest": digest.hexdigest()}
