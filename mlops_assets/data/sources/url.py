"""A pinned file from the network: from the mirror folder, else the cache, else downloaded."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from mlops_assets.data.sources import csv, parquet
from mlops_assets.data.sources import json as json_lines
from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.data.sources.paths import SourceFile
from mlops_assets.data.sources.pieces import Pieces

if TYPE_CHECKING:
    from mlops_assets.data.sources.context import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.sources import UrlSource

ATTEMPTS = 4
_CHUNK = 2**20
_TIMEOUT = 60
_FINAL = (400, 401, 403, 404, 405, 410, 451)


def read(source: UrlSource, dataset: Dataset, window: Window | None, context: SourceContext) -> Pieces:
    """Rows of the pinned file."""
    file = SourceFile(str(fetch(source, context)))
    if source.format == "parquet":
        return parquet.read_file(file, dataset, window)
    if source.format == "json":
        return json_lines.read_file(file)
    return csv.read_file(file, source.csv, dataset)


def fetch(source: UrlSource, context: SourceContext) -> Path:
    """A local file with exactly the pinned bytes.

    Raises:
        SourceError: when what is found has another SHA-256 (both are named), or it cannot be downloaded.
    """
    name = file_name(source)
    if context.mirror is not None:
        mirrored = context.mirror / name
        if mirrored.is_file():
            _check(mirrored, source, str(mirrored))
            return mirrored
        archive = context.mirror / _last_part(source.url)
        if source.member and archive.is_file():
            return _keep(archive, source, context, where=str(archive))
    cached = _cached(source, context)
    if cached.is_file() and _digest(cached) == source.sha256:
        return cached
    context.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=context.cache) as folder:
        downloaded = Path(folder) / "content"
        _download(source, downloaded, context, name)
        return _keep(downloaded, source, context, where=source.url)


def file_name(source: UrlSource) -> str:
    """Name under which the mirror folder holds the file."""
    return source.file or PurePosixPath(source.member or _last_part(source.url)).name


def _last_part(url: str) -> str:
    return PurePosixPath(unquote(urlsplit(url).path)).name


def _cached(source: UrlSource, context: SourceContext) -> Path:
    return context.cache / source.sha256 / file_name(source)


def _keep(content: Path, source: UrlSource, context: SourceContext, *, where: str) -> Path:
    """Take the member out of the archive if one is named, check it and put it into the cache."""
    target = _cached(source, context)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=target.parent)
    os.close(handle)
    try:
        with content.open("rb") as stream, Path(part).open("wb") as out:
            _copy(_member(stream, source.member, where) if source.member else stream, out)
        _check(Path(part), source, where)
        Path(part).replace(target)
    finally:
        Path(part).unlink(missing_ok=True)
    return target


def _member(archive: IO[bytes], member: str, where: str) -> IO[bytes]:
    """The file inside a zip archive; ``inner.zip/file.csv`` looks into an archive in the archive."""
    try:
        opened = zipfile.ZipFile(archive)
    except zipfile.BadZipFile:
        raise SourceError(f"this is no zip archive, but member {member!r} is asked of it.", where=where) from None
    names = opened.namelist()
    if member in names:
        return opened.open(member)
    for name in names:
        if name.endswith(".zip") and member.startswith(f"{name}/"):
            return _member(opened.open(name), member.removeprefix(f"{name}/"), where)
    raise SourceError(f"the archive has no member {member!r}.", where=where, valid=names[:20])


def _download(source: UrlSource, to: Path, context: SourceContext, name: str) -> None:
    reason: Exception | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(context.retry_seconds * 2 ** (attempt - 1))
        try:
            request = Request(source.url, headers={"User-Agent": "mlops-assets"})
            with urlopen(request, timeout=_TIMEOUT) as response, to.open("wb") as out:
                length = response.headers.get("Content-Length")
                _copy(response, out, context, name, int(length) if length else None)
            return
        except HTTPError as error:
            reason = error
            if error.code in _FINAL:
                break
        except (URLError, OSError, ValueError) as error:
            reason = error
    raise SourceError(
        f"the download failed: {reason}.",
        where=source.url,
        do=f"Check the network, or put the file {name!r} into the folder that MLOPS_MIRROR names.",
    ) from reason


def _copy(stream: IO[bytes], out: IO[bytes], context: SourceContext | None = None, name: str = "", total: int | None = None) -> None:
    done = 0
    while chunk := stream.read(_CHUNK):
        out.write(chunk)
        done += len(chunk)
        if context and context.progress:
            context.progress(f"download {name}", done, total)
    if total is not None and done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(path: Path, source: UrlSource, where: str) -> None:
    found = _digest(path)
    if found != source.sha256:
        raise SourceError(
            f"{file_name(source)} has sha256 {found}, but {source.sha256} is declared.",
            where=where,
            do="The file changed or is not the declared one; if the new content is right, declare its sha256.",
        )


SOURCE = SourceKind(read, rereadable=True, reads_only_window=lambda source: source.format == "parquet")
