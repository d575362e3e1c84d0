"""Parquet files; where the event time is a zoned or naive timestamp, only the window is read."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.data.sources.naive import naive_bounds
from mlops_assets.data.sources.paths import files_of, has_file_per_partition, is_url

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.sources.context import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.sources import ParquetSource


def read(source: ParquetSource, dataset: Dataset, window: Window | None, context: SourceContext) -> pa.Table:
    """Rows of one or more Parquet files; rows without an event time come along, to be counted."""
    return read_files(files_of(source.path, dataset, window, context), dataset, window)


def read_files(paths: list[str], dataset: Dataset, window: Window | None) -> pa.Table:
    """Rows of ``paths``, filtered by event time while reading where that is possible.

    Raises:
        SourceError: when a file is no Parquet, or the files' columns do not fit together.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds
    from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

    filesystem: Any = LocalFileSystem()
    places = paths
    if is_url(paths[0]):
        from fsspec.core import url_to_fs

        remote = url_to_fs(paths[0], use_listings_cache=False)[0]
        filesystem = PyFileSystem(FSSpecHandler(remote))
        places = [remote._strip_protocol(path) for path in paths]
    try:
        form = ds.ParquetFileFormat()
        schemas = [form.inspect(place, filesystem) for place in places]
        schema = pa.unify_schemas(schemas, promote_options="permissive").remove_metadata()
        files = ds.dataset(places, schema=schema, format=form, filesystem=filesystem)
        # A thread of Arrow that still holds a Python file system when Python ends aborts the process (mlops_assets.data.store.parquet).
        return files.to_table(filter=_filter(dataset, schema, window), use_threads=not is_url(paths[0]))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OSError) as error:
        where = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
        raise SourceError(f"it cannot be read as Parquet: {str(error).splitlines()[0]}", where=where) from error


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


SOURCE = SourceKind(read, has_history=lambda source, _: has_file_per_partition(source.path), reads_only_window=lambda _: True)
