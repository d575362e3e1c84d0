"""Materialize partitions of a data set: read, validate, store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_assets.components.declared import note_read
from mlops_assets.components.emit import Check, Emitted, Stored, check_result, emit, partition_keys
from mlops_assets.components.metadata import manifest_metadata, table

if TYPE_CHECKING:
    from mlops_assets.components.workspace import Workspace
    from mlops_assets.data.ingest import Ingested
    from mlops_assets.spec import Dataset


def materialize_dataset(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Read the source once for all partitions of this run, store what is valid, and answer the data set's checks."""
    from mlops_assets.data.ingest import IngestError, ingest

    dataset, asset = workspace.catalogue.datasets[name], dg.AssetKey(name)
    keys = partition_keys(context)
    wanted = None if keys == [None] else [key for key in keys if key is not None]
    try:
        done = list(ingest(dataset, wanted, workspace.store, workspace.source_context(name)))
    except IngestError as error:
        yield check_result(asset, Check("schema", False, {"reason": str(error)}, description=str(error)))
        raise
    note_read(workspace, name, wanted or ())
    yield from emit(context, asset, [_stored(item) for item in done], _checks(dataset, done))


def _stored(item: Ingested) -> Stored:
    metadata: dict[str, Any] = {**manifest_metadata(item.manifest), "changed": item.changed, "invalid_rows": item.invalid_rows}
    if item.undated:
        metadata["undated_rows_in_source"] = item.undated
    if item.violations:
        metadata["violations"] = table([vars(violation) for violation in item.violations])
    if item.changed and item.previous:
        metadata["replaces"] = item.previous
    return Stored(item.key, item.manifest.digest, metadata)


def _checks(dataset: Dataset, done: Sequence[Ingested]) -> Iterator[Check]:
    invalid, rows = sum(item.invalid_rows for item in done), sum(item.rows for item in done)
    yield Check("schema", True, {"rows": rows, "quarantined_rows": invalid}, description=f"{invalid} of {rows + invalid} rows quarantined")
    small = [item for item in done if item.rows < dataset.min_rows]
    yield Check(
        "volume",
        not small,
        {"rows": rows, "required": dataset.min_rows, "partitions_below": len(small), "first_below": str(small[0].key) if small else ""},
        severity="WARN",
    )
    if dataset.primary_key:
        yield Check("primary_key", True, {"columns": list(dataset.primary_key), "rows": rows})
    if dataset.max_age is not None and dataset.calendar is not None:
        newest = max(dataset.calendar.end_of(item.key) for item in done if item.key is not None)
        age = datetime.now(UTC) - newest
        yield Check("freshness", age <= dataset.max_age.timedelta, {"age": str(age), "at_most": str(dataset.max_age)}, severity="WARN")
