"""Delimited text: read as text, stripped, and typed where every value fits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlops_assets.data.sources.delimited import file_pieces
from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.data.sources.paths import files_of, has_file_per_partition
from mlops_assets.data.sources.pieces import Piece
from mlops_assets.data.sources.text import typed_where_it_fits

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.sources.context import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.sources import CsvFormat, CsvSource


def read(source: CsvSource, dataset: Dataset, window: Window | None, context: SourceContext) -> pa.Table:
    """Rows of one or more delimited text files. Empty fields are missing; so are the values of a column's `missing`."""
    return read_files(files_of(source.path, dataset, window, context), source, dataset)


def read_pieces(paths: list[str], form: CsvFormat, dataset: Dataset) -> Iterator[Piece]:
    """Rows of ``paths``, one file after the other, as text exactly as it is written; an empty field is null.

    Each file gives at least one piece with the columns that it has, in its own order; one without any row may have none.
    Memory does not grow with the files.

    Raises:
        SourceError: when a file is not the declared kind of text, with the line.
    """
    shown = not any(column.pii for column in dataset.columns.values())
    for path in paths:
        yield from file_pieces(path, form, shown=shown)


def read_files(paths: list[str], form: CsvFormat, dataset: Dataset) -> pa.Table:
    """Rows of ``paths``, one after the other, with types where every value fits.

    Raises:
        SourceError: when a file is not the declared kind of text, or the files have different columns.
    """
    import pyarrow as pa

    tables: list[pa.Table] = []
    for piece in read_pieces(paths, form, dataset):
        names = tables[0].column_names if tables else piece.table.column_names
        differing = sorted(set(piece.table.column_names) ^ set(names))
        if differing:
            raise SourceError(f"its columns differ from those of {paths[0]} in {', '.join(differing)}.", where=piece.origin)
        tables.append(piece.table.select(names))
    return typed_where_it_fits(pa.concat_tables(tables), dataset, strip=False)


SOURCE = SourceKind(read, has_history=lambda source, _: has_file_per_partition(source.path))
