"""Which files of a source are not those any more that a stored partition was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.data.ingest.origins import named, recorded, states
from mlops_assets.data.sources import SourceContext, SourceError, file_per_partition, source_files
from mlops_assets.data.sources.paths import is_url

if TYPE_CHECKING:
    from mlops_assets.data.sources import Window
    from mlops_assets.data.store import Store
    from mlops_assets.spec.dataset import Dataset

State = Mapping[str, Any]
"""Bytes of a file and the digest of its content."""


@dataclass(frozen=True)
class FileChanges:
    """Files by their paths as the project has them, sorted.

    Attributes:
        changed: those whose content is another.
        removed: those that are not there any more.
        added: those that were not there, and would be read now.
    """

    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed or self.added)

    def to_json(self) -> dict[str, list[str]]:
        """The three lists."""
        return {"changed": list(self.changed), "removed": list(self.removed), "added": list(self.added)}

    def joined(self, other: FileChanges) -> FileChanges:
        """Those of both."""
        mine, others = self.to_json(), other.to_json()
        return FileChanges(**{kind: tuple(sorted({*mine[kind], *others[kind]})) for kind in mine})


class FilesNow:
    """The files of one source as they are now. Each is looked at once, and its content only where its size is what it was."""

    def __init__(self, dataset: Dataset, context: SourceContext) -> None:
        self._dataset, self._context = dataset, context
        self._states: dict[str, State] = {}
        self._sizes: dict[str, int | None] = {}
        self._whole: list[str] | None = None

    def read_for(self, key: str | None) -> list[str]:
        """The files that partition ``key`` would be read from, by their paths as the project has them; none where they are not there."""
        calendar = self._dataset.calendar
        if key is None or calendar is None or not file_per_partition(self._dataset):
            if self._whole is None:
                self._whole = self._listed(None)
            return self._whole
        return self._listed((calendar.start_of(key), calendar.end_of(key)))

    def changes(self, key: str | None, then: Mapping[str, State]) -> FileChanges:
        """What is different from the files that partition ``key`` was read from.

        Raises:
            SourceError: when the files cannot be reached.
        """
        now = self.read_for(key)
        removed = tuple(sorted(name for name in then if self._size(name) is None))
        changed = tuple(sorted(name for name, state in then.items() if name not in removed and not self._same(name, state)))
        return FileChanges(changed, removed, tuple(sorted({*now} - {*then})))

    def size(self, name: str) -> int:
        """Bytes of a file; 0 where it is not there."""
        return self._size(name) or 0

    def state(self, key: str | None, store: Store) -> dict[str, Any]:
        """In which state the files are that partition ``key`` would be read from, as a manifest has it."""
        found = {name: self._state(name) for name in self.read_for(key)}
        return recorded(found, store)

    def _listed(self, window: Window | None) -> list[str]:
        try:
            files = source_files(self._dataset, window, self._context)
        except SourceError:
            return []
        return [named(file.path, self._context.project) for file in files or ()]

    def _same(self, name: str, then: State) -> bool:
        if self._size(name) != then["bytes"]:
            return False
        return bool(self._state(name)["digest"] == then["digest"])

    def _state(self, name: str) -> State:
        if name not in self._states:
            try:
                (self._states[name],) = states([self._path(name)], self._context.project).values()
            except OSError as error:
                raise SourceError(f"it cannot be read: {error.strerror or error}.", where=name) from error
        return self._states[name]

    def _size(self, name: str) -> int | None:
        """Bytes of a file; None where it is not there."""
        if name not in self._sizes:
            self._sizes[name] = self._remote_size(name) if is_url(name) else self._local_size(name)
        return self._sizes[name]

    def _local_size(self, name: str) -> int | None:
        path = self._context.project / name
        return path.stat().st_size if path.is_file() else None

    def _remote_size(self, name: str) -> int | None:
        from fsspec.core import url_to_fs

        try:
            filesystem, place = url_to_fs(name, use_listings_cache=False)
            return int(filesystem.size(place)) if filesystem.exists(place) else None
        except Exception as error:
            raise SourceError(f"cannot be reached: {type(error).__name__}: {error}", where=name) from error

    def _path(self, name: str) -> str:
        return name if is_url(name) else str(self._context.project / name)
