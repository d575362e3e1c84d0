"""What was predicted: answers of the server, compacted from its journal, and batch scores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.lifecycle.results import Finding, Stored, Watched, plottable
from mlops_assets.lifecycle.watching.population import BATCH
from mlops_assets.lifecycle.watching.tables import concat, plain
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.store import Manifest
    from mlops_assets.lifecycle.workspace import Workspace


def stored_predictions(workspace: Workspace, name: str, keys: Sequence[str]) -> list[Stored]:
    """Partitions of predictions as they are stored now."""
    found = workspace.store.window(f"{name}/predictions", list(keys)) if keys else {}
    return [Stored(key, manifest.digest, {}, manifest) for key, manifest in found.items()]


def compact_journal(workspace: Workspace, name: str) -> list[str]:
    """Move closed segments of the journal into the store; partitions of ``name`` that got rows."""
    from mlops_assets.serving.compaction import by_day, compact

    catalogue = workspace.catalogue

    def partition(model: str, moment: datetime) -> str:
        declared = catalogue.models.get(model)
        calendar = model_windows(declared, catalogue).calendar if declared is not None else None
        return by_day(model, moment) if calendar is None else calendar.key_of(moment)

    done = compact(workspace.settings.journal, workspace.store, calendar=partition, clock=workspace.journal_clock)
    return [part.partition for part in done.partitions if part.asset == f"{name}/predictions" and part.added]


def gather_predictions(workspace: Workspace, name: str, key: str | None) -> Watched:
    """Batch scores of ``key`` beside the answers of the server that the store has."""
    import pyarrow as pa

    from mlops_assets.monitoring.columns import PREDICTED_AT, PREDICTION_ID, SCORE, VERSION
    from mlops_assets.serving.compaction import VARIANT

    answered = _answered(workspace, name, key)
    scores = workspace.store.current(f"{name}/scores", key) if workspace.catalogue.models[name].score is not None else None
    tables = [answered] if answered is not None else []
    if scores is not None:
        batch = plain(workspace.store.read(scores))
        tables.append(batch.append_column(VARIANT, pa.array([BATCH] * batch.num_rows, pa.string())))
    table = concat(tables)
    if table is None:
        empty = {PREDICTION_ID: pa.string(), PREDICTED_AT: pa.timestamp("us", "UTC"), VERSION: pa.int64(), SCORE: pa.float64()}
        table = pa.table({column: pa.array([], kind) for column, kind in {**empty, VARIANT: pa.string()}.items()})
    table = table.sort_by([(PREDICTED_AT, "ascending"), (PREDICTION_ID, "ascending")]).combine_chunks()
    versions = _counted(table, VERSION)
    facts = {"versions": versions, "variants": _counted(table, VARIANT)}
    inputs = {scores.reference: scores.digest} if scores is not None else {}
    manifest = workspace.store.write(f"{name}/predictions", key, table, inputs=inputs, facts=facts)
    return Watched(Stored(key, manifest.digest, _shown(manifest, table), manifest), [_volume(table)])


def _answered(workspace: Workspace, name: str, key: str | None) -> pa.Table | None:
    """Answers of the server that the store has for ``key``; of an undated model those within the window up to now."""
    import pyarrow.compute as pc

    from mlops_assets.serving.compaction import VARIANT

    asset = f"{name}/predictions"
    if key is not None:
        present = workspace.store.current(asset, key)
        manifests = [present] if present is not None else []
    else:
        since = (workspace.now() - workspace.catalogue.models[name].monitor.window.timedelta).strftime("%Y-%m-%d")
        days = [day for day in workspace.store.partitions(asset) if day and day >= since]
        manifests = list(workspace.store.window(asset, days).values())
    table = concat([workspace.store.read(manifest) for manifest in manifests])
    if table is None or VARIANT not in table.column_names:
        return None
    return table.filter(pc.not_equal(table.column(VARIANT), BATCH))


def _counted(table: pa.Table, column: str) -> dict[str, int]:
    if column not in table.column_names:
        return {}
    counted = table.group_by(column).aggregate([(column, "count")]).to_pylist()
    return {str(row[column]): row[f"{column}_count"] for row in counted if row[column] is not None}


def _shown(manifest: Manifest, table: pa.Table) -> dict[str, Any]:
    variants = manifest.facts["variants"]
    batch = variants.get(BATCH, 0)
    versions = ", ".join(f"version {version}: {count}" for version, count in sorted(manifest.facts["versions"].items()))
    return plottable({"predictions": table.num_rows, "from_server": table.num_rows - batch, "from_batch": batch, "by_version": versions})


def _volume(table: pa.Table) -> Finding:
    status = "pass" if table.num_rows else "inconclusive"
    return Finding("volume", status, f"{table.num_rows} predictions", {"rows": table.num_rows})  # type: ignore[arg-type]
