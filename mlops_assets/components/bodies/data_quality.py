"""Materialize data quality: whether the rows that were scored were fit to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, partition_keys
from mlops_assets.components.metadata import table as shown_table
from mlops_assets.components.watching.emitting import Finding, Watched, emit_watched, plottable
from mlops_assets.components.watching.tables import current
from mlops_assets.components.watching.windows import version_window
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    from mlops_assets.components.workspace import Workspace

HISTORY = 8
"""Earlier partitions whose number of rows says how many are usual."""

TEXTS, NUMBERS = ("check", "column", "status"), ("observed", "expected")


def materialize_data_quality(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Look at the predictions of each partition of this run."""
    watched = [_look(workspace, name, key) for key in partition_keys(context)]
    yield from emit_watched(context, workspace, dg.AssetKey([name, "data_quality"]), watched)


def _look(workspace: Workspace, name: str, key: str | None) -> Watched:
    import pyarrow as pa

    from mlops_assets.monitoring.data_quality import measure_quality

    window = version_window(workspace, name, "predictions", key, alone=True)
    found = measure_quality(window.reference, window.table, usual_rows=_usual(workspace, name, key))
    body = found.to_json()
    columns = [*((c, pa.string()) for c in TEXTS), *((c, pa.float64()) for c in NUMBERS), ("n", pa.int64()), ("detail", pa.string())]
    schema = pa.schema(columns)
    rows = pa.Table.from_pylist([{column: row.get(column) for column in schema.names} for row in body["findings"]], schema)
    facts = {"status": found.status, "n": found.n, "version": window.version.number, "failed": len(found.failed)}
    manifest = workspace.store.write(f"{name}/data_quality", key, rows, inputs=window.inputs, facts=facts)
    worst = "; ".join(finding.detail for finding in found.failed[:5])
    finding = Finding("inputs", found.status, worst or f"{found.n} rows", {"rows": found.n, "failed": len(found.failed)})
    numbers = {"rows": found.n, "findings": len(found.failed), "version_watched": window.version.number, "status": found.status}
    metadata = {**plottable(numbers), "version": manifest.digest, "found": shown_table(rows.to_pylist())}
    return Watched(key, manifest.digest, metadata, [finding])


def _usual(workspace: Workspace, name: str, key: str | None) -> list[int]:
    calendar = model_windows(workspace.catalogue.models[name], workspace.catalogue).calendar
    if calendar is None or key is None:
        return []
    earlier = calendar.between(calendar.shift(key, -HISTORY), calendar.shift(key, -1))
    return [manifest.rows for manifest in current(workspace, f"{name}/predictions", earlier)]
