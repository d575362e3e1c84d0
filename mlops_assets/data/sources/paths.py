"""Files that a path names: relative to the project, a glob, an fsspec URL, or one file per partition."""

from __future__ import annotations

import glob
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mlops_assets.data.sources.context import SourceContext, Window
from mlops_assets.data.sources.errors import SourceError
from mlops_assets.errors import nearest
from mlops_assets.spec.dataset import Dataset

_SLOT = "{partition}"


@dataclass(frozen=True)
class SourceFile:
    """A file to read: local path or URL, and the key of the partition that it is the file of (None: it is nobody's own)."""

    path: str
    partition: str | None = None


def files_of(path: str, dataset: Dataset, window: Window | None, context: SourceContext) -> list[SourceFile]:
    """The files to read, sorted.

    With ``{partition}`` in the path these are the files of the partitions in ``window``, or all there are.

    Raises:
        SourceError: when a file is not there.
    """
    if _SLOT in path:
        calendar = dataset.calendar
        if calendar is None:
            raise SourceError(
                f"{path!r} has {_SLOT} in it, but {dataset.name} has no partitions.", do="Declare partitions, or name one file."
            )
        if window is None:
            return [SourceFile(file) for file in _matching(path.replace(_SLOT, "*"), context)]
        keys = calendar.between(calendar.key_of(window[0]), calendar.shift(calendar.key_of(window[1]), -1))
        return [SourceFile(file, key) for key in keys for file in _matching(path.replace(_SLOT, key), context)]
    return [SourceFile(file) for file in _matching(path, context)]


def has_file_per_partition(path: str) -> bool:
    """Whether each partition has a file of its own, so that past ones are there as they were."""
    return _SLOT in path


def is_url(path: str) -> bool:
    """Whether it is an fsspec URL instead of a local path."""
    return "://" in path and not path.startswith("file://")


def open_file(path: str) -> AbstractContextManager[Any]:
    """The file as a binary Arrow stream, decompressed by its ending (.gz, .zst, .bz2)."""
    import pyarrow as pa

    if not is_url(path):
        stream: AbstractContextManager[Any] = pa.input_stream(path, compression="detect")
        return stream
    import fsspec

    remote: AbstractContextManager[Any] = fsspec.open(path, "rb", compression="infer").open()
    return remote


def _matching(path: str, context: SourceContext) -> list[str]:
    return _matching_url(path) if is_url(path) else _matching_local(path.removeprefix("file://"), context)


def _matching_local(path: str, context: SourceContext) -> list[str]:
    full = context.project / Path(path).expanduser()
    if full.is_file():
        return [str(full)]
    if any(sign in path for sign in "*?["):
        found = sorted(file for file in glob.glob(str(full), recursive=True) if Path(file).is_file())  # noqa: PTH207
        if not found:
            raise SourceError(f"no file matches {path!r}.", where=str(context.project), do="Paths are relative to the project.")
        return found
    if full.is_dir():
        raise SourceError("this is a folder, not a file.", where=str(full), do=f"Write {path.rstrip('/')}/* to read all files in it.")
    names = [entry.name for entry in full.parent.iterdir()] if full.parent.is_dir() else []
    guess = nearest(full.name, names)
    raise SourceError(
        "there is no such file.", where=str(full), do=f"Did you mean {guess!r}?" if guess else "Paths are relative to the project."
    )


def _matching_url(path: str) -> list[str]:
    from fsspec.core import url_to_fs

    try:
        filesystem, place = url_to_fs(path, use_listings_cache=False)
        if any(sign in place for sign in "*?["):
            found = [filesystem.unstrip_protocol(name) for name in sorted(filesystem.glob(place))]
        else:
            found = [path] if filesystem.exists(place) else []
    except Exception as error:
        raise SourceError(f"cannot be reached: {type(error).__name__}: {error}", where=public(path)) from error
    if not found:
        raise SourceError("there is no such file.", where=public(path))
    return found


def public(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
