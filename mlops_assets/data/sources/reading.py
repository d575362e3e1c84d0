"""Reading a source of any kind, and what identifies it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mlops_assets.data.sources.context import SourceContext, Window
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.data.sources.paths import SourceFile, has_file_per_partition
from mlops_assets.data.sources.pieces import Pieces
from mlops_assets.data.store.documents import canonical, sha256
from mlops_assets.spec.base import NamesFunction
from mlops_assets.spec.texts import texts_of

if TYPE_CHECKING:
    from mlops_assets.spec.dataset import Dataset


def read_pieces(dataset: Dataset, window: Window | None, context: SourceContext) -> Pieces:
    """Rows of the data set's source for ``window`` (None: everything), before its `prepare` function.

    Raises:
        SourceError: when the source cannot be read: a missing file, a wrong digest, a query or a function that fails.
    """
    return _kind(dataset).read(dataset.source.detail, dataset, window, context)


def rereadable(dataset: Dataset) -> bool:
    """Whether the source is files: reading them twice costs nothing but time, and gives the same rows."""
    return _kind(dataset).rereadable


def of_files(dataset: Dataset) -> bool:
    """Whether the source is files that may change, unlike a query, a function or a pinned download."""
    return _kind(dataset).files is not None


def file_per_partition(dataset: Dataset) -> bool:
    """Whether each partition has files of its own."""
    return of_files(dataset) and has_file_per_partition(dataset.source.detail.path)  # type: ignore[attr-defined]


def source_files(dataset: Dataset, window: Window | None, context: SourceContext) -> list[SourceFile] | None:
    """The files that are read for ``window``; None where :func:`of_files` says no.

    Raises:
        SourceError: when a file is not there.
    """
    files = _kind(dataset).files
    return None if files is None else files(dataset.source.detail, dataset, window, context)


def has_history(dataset: Dataset, context: SourceContext) -> bool:
    """Whether the source can say what a table was at a past time, so that snapshots of the past can be taken from it."""
    return _kind(dataset).has_history(dataset.source.detail, context)


def reads_only_window(dataset: Dataset) -> bool:
    """Whether dated rows outside the window are left out while reading, so that undated ones may be all that is there."""
    return _kind(dataset).reads_only_window(dataset.source.detail)


def in_order(dataset: Dataset) -> bool:
    """Whether the source gives the same rows in the same order every time."""
    return _kind(dataset).in_order


def fingerprint(dataset: Dataset, context: SourceContext) -> str:
    """SHA-256 of how the rows are fetched: the source's declaration and the code of its functions, without passwords."""
    from mlops_assets.functions import source_digest

    source = dataset.source
    functions = [*(name for _, name in texts_of(source, NamesFunction)), *([dataset.prepare] if dataset.prepare else [])]
    body = {
        "kind": source.kind,
        "detail": _kind(dataset).fingerprinted(source.detail),
        "prepare": dataset.prepare,
        "code": [source_digest(reference, context.folder) for reference in functions],
    }
    return sha256(canonical(body))


def _kind(dataset: Dataset) -> SourceKind[Any]:
    """What the file of the source's kind says; it is loaded when first asked for."""
    kind: SourceKind[Any] = importlib.import_module(f"mlops_assets.data.sources.{dataset.source.kind}").SOURCE
    return kind
