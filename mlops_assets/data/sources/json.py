"""Newline-delimited JSON, or one JSON array of objects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.data.sources.paths import files_of, has_file_per_partition, open_file

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.sources.context import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.sources import JsonSource

_AS_TEXT = ("string", "category", "datetime", "date")


def read(source: JsonSource, dataset: Dataset, window: Window | None, context: SourceContext) -> pa.Table:
    """Rows of one or more JSON files."""
    return read_files(files_of(source.path, dataset, window, context), dataset)


def read_files(paths: list[str], dataset: Dataset) -> pa.Table:
    """Rows of ``paths``, one after the other; a key that a row does not have is missing in it.

    Raises:
        SourceError: for what is no JSON, or no objects, naming file and line.
    """
    import pyarrow as pa

    tables = [table for path in paths if (table := _read_file(path, dataset)).num_columns]
    if not tables:
        return pa.table({})
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SourceError(f"the files do not have the same types: {error}", where=f"{paths[0]} …") from error


def _read_file(path: str, dataset: Dataset) -> pa.Table:
    import pyarrow as pa
    from pyarrow import json as arrow_json

    with open_file(path) as stream:
        content = bytes(stream.read())
    beginning = content.lstrip()[:1]
    if not beginning:
        return pa.table({})
    if beginning == b"[":
        return _from_rows(_array(content, path))
    text = pa.schema([(name, pa.string()) for name, column in dataset.columns.items() if column.type in _AS_TEXT])
    present = [field for field in text if f'"{field.name}"'.encode() in content]
    try:
        return arrow_json.read_json(
            pa.BufferReader(content),
            read_options=arrow_json.ReadOptions(block_size=max(2**20, min(len(content), 2**27))),
            parse_options=arrow_json.ParseOptions(explicit_schema=pa.schema(present) if present else None),
        )
    except pa.ArrowInvalid:
        return _from_rows(_lines(content, path))


def _array(content: bytes, path: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(content)
    except ValueError as error:
        raise SourceError(f"this is no JSON: {error}", where=path) from None
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise SourceError(f"item {number} of the array is no object.", where=path, do="Each item must be one row: {name: value, …}.")
    return list(rows)


def _lines(content: bytes, path: str) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise SourceError(f"this is no JSON: {error}", where=f"{path}:{number}") from None
        if not isinstance(row, dict):
            raise SourceError("this is no JSON object.", where=f"{path}:{number}", do="Each line must be one row: {name: value, …}.")
        rows.append(row)
    return rows


def _from_rows(rows: list[dict[str, Any]]) -> pa.Table:
    from mlops_assets.data.sources.frames import from_columns

    names = list(dict.fromkeys(name for row in rows for name in row))
    return from_columns({name: [row.get(name) for row in rows] for name in names})


SOURCE = SourceKind(read, has_history=lambda source, _: has_file_per_partition(source.path))
