"""Rows into a file that is named by its content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.data.store.documents import sha256
from mlops_assets.data.store.errors import writing
from mlops_assets.data.store.files import Files
from mlops_assets.data.store.manifest import StoredFile
from mlops_assets.data.store.parquet import encode

if TYPE_CHECKING:
    import pyarrow as pa

IN_MEMORY = 256 * 2**20
"""Tables up to this many bytes are encoded in memory; larger ones go through a scratch file."""


def put_table(files: Files, folder: str, table: pa.Table | pa.RecordBatchReader) -> tuple[StoredFile, pa.Schema]:
    """Store rows as a file of ``folder`` that is named by the digest of its bytes; returns it and the stored schema."""
    import pyarrow as pa

    if isinstance(table, pa.Table) and table.nbytes <= IN_MEMORY:
        sink = pa.BufferOutputStream()
        rows, schema = encode(table, sink)
        content = sink.getvalue()
        digest = sha256(content)
        path = f"{folder}/{digest}.parquet"
        if not _has(files, path, digest, content.size):
            files.write(path, content)
        return StoredFile(path, digest, content.size, rows), schema
    with files.scratch(folder) as scratch:
        with writing(f"{files.url}/{folder}"):
            rows, schema = encode(table, str(scratch))
        size = scratch.stat().st_size
        digest = sha256(pa.memory_map(str(scratch)).read_buffer())
        path = f"{folder}/{digest}.parquet"
        if not _has(files, path, digest, size):
            files.adopt(scratch, path)
        return StoredFile(path, digest, size, rows), schema


def _has(files: Files, path: str, digest: str, size: int) -> bool:
    """Whether the right bytes are there already; an altered file is not, so that writing it again repairs it."""
    if files.size(path) != size or not files.touch(path):
        return False
    return sha256(files.read(path)) == digest
