"""Delimited text: every field as it is written there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_assets.data.sources.delimited import file_pieces
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.data.sources.paths import SourceFile, files_of, has_file_per_partition
from mlops_assets.data.sources.pieces import Pieces

if TYPE_CHECKING:
    from mlops_assets.data.sources.context import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.sources import CsvFormat, CsvSource


def read(source: CsvSource, dataset: Dataset, window: Window | None, context: SourceContext) -> Pieces:
    """Rows of one or more files. Empty fields are missing."""
    for file in files_of(source.path, dataset, window, context):
        yield from read_file(file, source, dataset)


def read_file(file: SourceFile, form: CsvFormat, dataset: Dataset) -> Pieces:
    """Rows of one file as text exactly as it is written; an empty field is null. Memory does not grow with the file.

    A file gives at least one piece with its columns; one without any row may have none.

    Raises:
        SourceError: when it is not the declared kind of text, with the line.
    """
    shown = not any(column.pii for column in dataset.columns.values())
    for piece in file_pieces(file.path, form, shown=shown):
        yield replace(piece, partition=file.partition)


SOURCE = SourceKind(
    read,
    rereadable=True,
    has_history=lambda source, _: has_file_per_partition(source.path),
    files=lambda source, *about: files_of(source.path, *about),
)
