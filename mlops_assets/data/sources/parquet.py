"""Parquet files; where the event time is a zoned or naive timestamp, only the window is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.data.sources.naive import naive_bounds
from mlops_assets.data.sources.paths import SourceFile, files_of, has_file_per_partition, is_url
from mlops_assets.data.sources.pieces import PIECE_BYTES, Piece, Pieces

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.sources.context import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.sources import ParquetSource

_AHEAD = 4


def read(source: ParquetSource, dataset: Dataset, window: Window | None, context: SourceContext) -> Pieces:
    """Rows of one or more Parquet files; rows without an event time come along, to be counted."""
    for file in files_of(source.path, dataset, window, context):
        yield from read_file(file, dataset, window)


def read_file(file: SourceFile, dataset: Dataset, window: Window | None) -> Pieces:
    """Rows of one file with its own types, filtered by event time while reading where that is possible.

    Raises:
        SourceError: when it is no Parquet, or names a column twice.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds
    from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

    filesystem: Any = LocalFileSystem()
    place = file.path
    if is_url(place):
        from fsspec.core import url_to_fs

        remote = url_to_fs(place, use_listings_cache=False)[0]
        filesystem = PyFileSystem(FSSpecHandler(remote))
        place = remote._strip_protocol(place)
    try:
        form = ds.ParquetFileFormat()
        schema = form.inspect(place, filesystem).remove_metadata()
        if repeated := sorted({name for name in schema.names if schema.names.count(name) > 1}):
            raise SourceError(
                f"column {repeated[0]!r} is there more than once.", where=file.path, do="Rename it where the file is written."
            )
        scanned = ds.dataset([place], schema=schema, format=form, filesystem=filesystem)
        # A thread of Arrow that still holds a Python file system when Python ends aborts the process (mlops_assets.data.store.parquet).
        batches = scanned.to_batches(
            filter=_filter(dataset, schema, window), use_threads=not is_url(file.path), batch_readahead=_AHEAD, fragment_readahead=1
        )
        yield from _joined(batches, schema, file)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OSError) as error:
        raise SourceError(f"it cannot be read as Parquet: {str(error).splitlines()[0]}", where=file.path) from error


def _joined(batches: Iterator[pa.RecordBatch], schema: pa.Schema, file: SourceFile) -> Pieces:
    """The batches in pieces of about the size that one should have; a file without rows still says its columns."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    size = first = 0
    for batch in batches:
        waiting.append(batch)
        size += batch.nbytes
        if size >= PIECE_BYTES:
            piece = pa.Table.from_batches(waiting, schema)
            yield Piece(piece, origin=file.path, partition=file.partition, first=first)
            first += piece.num_rows
            waiting, size = [], 0
    if waiting or not first:
        yield Piece(pa.Table.from_batches(waiting, schema), origin=file.path, partition=file.partition, first=first)


def _filter(dataset: Dataset, schema: pa.Schema, window: Window | None) -> Any:
    """Window on the event time, or None where that cannot be said on the stored column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    name = dataset.event_time
    if window is None or dataset.prepare or dataset.kind != "events" or name is None or name not in schema.names:
        return None
    kind = schema.field(name).type
    if not pa.types.is_timestamp(kind):
        return None
    bounds = [moment.astimezone(UTC) for moment in window] if kind.tz else naive_bounds(window, ZoneInfo(dataset.timezone))
    limits = [pa.scalar(moment, pa.timestamp("us", tz="UTC" if kind.tz else None)).cast(kind) for moment in bounds]
    column = pc.field(name)
    return ((column >= limits[0]) & (column < limits[1])) | column.is_null()


SOURCE = SourceKind(
    read,
    has_history=lambda source, _: has_file_per_partition(source.path),
    reads_only_window=lambda _: True,
    rereadable=True,
    files=lambda source, *about: files_of(source.path, *about),
)
