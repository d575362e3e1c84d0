"""Reading a source of any kind, and what identifies it."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.data.store.manifest import canonical

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset

Window = tuple[datetime, datetime]
"""First instant and first instant after, in UTC."""

Progress = Callable[[str, int, int | None], None]
"""Called with what is going on, how far it is, and of how much (None: unknown)."""


@dataclass(frozen=True)
class SourceContext:
    """Where a source finds things.

    Attributes:
        project: folder against which file paths are resolved.
        folder: folder of the defs.yaml, against which `.module:function` is resolved.
        cache: folder of downloads.
        mirror: folder that is asked for files before any download.
        progress: told about long work.
        retry_seconds: wait before the second attempt of a download; doubled for each further one.
    """

    project: Path
    folder: Path
    cache: Path
    mirror: Path | None = None
    progress: Progress | None = None
    retry_seconds: float = 1.0


def read_source(dataset: Dataset, window: Window | None, context: SourceContext) -> pa.Table:
    """Rows of the data set's source for ``window`` (None: everything), after its `prepare` function.

    Text sources give typed columns where every value fits; what does not fit stays text, for validation to name.

    Raises:
        SourceError: when the source cannot be read: a missing file, a wrong digest, a query or a function that fails.
    """
    module = importlib.import_module(f"mlops_assets.data.sources.{dataset.source.kind}")
    table: pa.Table = module.read(dataset, window, context)
    if dataset.prepare is None:
        return table
    from mlops_assets.data.sources.functions import prepare

    return prepare(dataset.prepare, table, context)


def has_history(dataset: Dataset, context: SourceContext) -> bool:
    """Whether the source can say what a table was at a past time, so that snapshots of the past can be taken from it."""
    source = dataset.source
    if source.simulator is not None:
        return True
    if source.sql is not None:
        from mlops_assets.data.sources.sql import bound_names

        return bool(bound_names(source.sql.query))
    if source.python is not None:
        from mlops_assets.data.sources.python import takes_window

        return takes_window(dataset, context)
    detail = source.csv or source.parquet or source.json_
    return detail is not None and "{partition}" in detail.path


def fingerprint(dataset: Dataset, context: SourceContext) -> str:
    """SHA-256 of how the rows are fetched: the source's declaration and the code of its functions, without passwords."""
    from mlops_assets.functions import source_digest

    source = dataset.source
    detail = source.detail.model_dump(mode="json", by_alias=True)
    if source.sql is not None:
        from mlops_assets.data.sources.sql import without_password

        detail["url"] = without_password(source.sql.url)
    body: dict[str, Any] = {"kind": source.kind, "detail": detail, "prepare": dataset.prepare}
    functions = [reference for reference in (source.python.function if source.python else None, dataset.prepare) if reference]
    body["code"] = [source_digest(reference, context.folder) for reference in functions]
    return hashlib.sha256(canonical(body)).hexdigest()
