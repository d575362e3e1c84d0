"""Parquet as bytes: written so that they depend on the rows alone, read so that the process may end at any moment afterwards.

What is written has fixed options, fixed row groups and no metadata of who made it. What is read is not read ahead, since the bytes are
in memory already: Arrow's read-ahead keeps a thread that lets go of Python's bytes only later, and where that is after Python has ended,
the process aborts with "terminate called without an active exception" although all of its work is done
(https://github.com/apache/arrow/issues/50482).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mlops_assets.data.store.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 122_880
"""Rows of a row group: DuckDB's own unit, so that its threads each take one."""


def normal_type(kind: pa.DataType) -> pa.DataType:
    """The type under which values are stored: plain instead of dictionary-encoded, and 32-bit instead of 64-bit text offsets."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return normal_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    return kind


def normal_schema(schema: pa.Schema) -> pa.Schema:
    """The stored schema of tables with ``schema``: normal types, no metadata.

    Raises:
        StoreError: when two columns share a name.
    """
    import pyarrow as pa

    repeated = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if repeated:
        raise StoreError(f"column {repeated[0]!r} occurs more than once.", do="Rename one of them.")
    return pa.schema([pa.field(field.name, normal_type(field.type), nullable=True) for field in schema])


def encode(data: pa.Table | pa.RecordBatchReader, sink: Any) -> tuple[int, pa.Schema]:
    """Write all rows to ``sink`` (a path or an Arrow output stream); returns number of rows and stored schema."""
    import pyarrow.parquet as pq

    schema = normal_schema(data.schema)
    rows = 0
    with pq.ParquetWriter(
        sink,
        schema,
        version="2.6",
        compression="zstd",
        compression_level=1,
        data_page_version="1.0",
        use_dictionary=[field.name for field in schema if not _is_counted(field.type)],
        column_encoding={field.name: "DELTA_BINARY_PACKED" for field in schema if _is_counted(field.type)} or None,
        write_statistics=True,
        write_page_index=False,
        store_schema=True,
    ) as writer:
        for group in _row_groups(data, schema):
            writer.write_table(group, row_group_size=ROW_GROUP)
            rows += group.num_rows
    return rows, schema


def table_of(content: bytes | pa.Buffer, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a Parquet file, all columns or those named.

    Raises:
        pyarrow.ArrowInvalid: when it is no Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(pa.BufferReader(content)).read(None if columns is None else list(columns))


def _is_counted(kind: pa.DataType) -> bool:
    """Whether values are whole numbers or times: keys and times pack better as differences than in a dictionary, and faster."""
    import pyarrow as pa

    types = pa.types
    return bool(types.is_integer(kind) or types.is_timestamp(kind) or types.is_date(kind))


def _row_groups(data: pa.Table | pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows in tables of exactly :data:`ROW_GROUP` rows (the last may be shorter), each in one chunk."""
    import pyarrow as pa

    pending: list[pa.Table] = []
    waiting = 0
    for piece in [data] if isinstance(data, pa.Table) else (pa.Table.from_batches([batch]) for batch in data):
        pending.append(piece)
        waiting += piece.num_rows
        if waiting < ROW_GROUP:
            continue
        joined = pa.concat_tables(pending)
        whole = waiting - waiting % ROW_GROUP
        for start in range(0, whole, ROW_GROUP):
            yield _normal(joined.slice(start, ROW_GROUP), schema)
        pending, waiting = [joined.slice(whole)], waiting - whole
    if waiting:
        yield _normal(pa.concat_tables(pending), schema)


def _normal(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Plain values in one chunk per column: chunking and dictionaries would otherwise show in the bytes."""
    import pyarrow as pa

    columns = []
    for column, field in zip(table.columns, schema, strict=True):
        plain = column if column.type == field.type else column.cast(field.type)
        columns.append(plain if plain.num_chunks == 1 else pa.chunked_array([plain.combine_chunks()], type=field.type))
    return pa.Table.from_arrays(columns, schema=schema)
