"""Whether the rows that were scored were fit to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.lifecycle.results import Finding, Rows, Stored, Watched, plottable
from mlops_assets.lifecycle.watching.tables import current
from mlops_assets.lifecycle.watching.windows import version_window
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace

HISTORY = 8
"""Earlier partitions whose number of rows says how many are usual."""

TEXTS, NUMBERS = ("check", "column", "status"), ("observed", "expected")


def look_at_quality(workspace: Workspace, name: str, key: str | None) -> Watched:
    """Look at the predictions of ``key``: rows, missing values, values that training never saw."""
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
    shown = {**plottable(numbers), "version": manifest.digest, "found": Rows(rows.to_pylist())}
    return Watched(Stored(key, manifest.digest, shown), [finding])


def _usual(workspace: Workspace, name: str, key: str | None) -> list[int]:
    calendar = model_windows(workspace.catalogue.models[name], workspace.catalogue).calendar
    if calendar is None or key is None:
        return []
    earlier = calendar.between(calendar.shift(key, -HISTORY), calendar.shift(key, -1))
    return [manifest.rows for manifest in current(workspace, f"{name}/predictions", earlier)]
