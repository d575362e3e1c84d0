"""Requests that a version answered or failed lately: what the store has compacted, and what still stands in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.spec.monitor import Alert

SHADOW = "shadow"


def recent_requests(workspace: Workspace, name: str, version: int, rules: Sequence[Alert]) -> pa.Table:
    """Requests to ``version`` since the longest stretch that ``rules`` look back over, as rules read them."""
    import pyarrow as pa

    from mlops_assets.monitoring.alerts.evidence import AT, ERROR, LATENCY_MS

    since = min(_since(rule, workspace.now()) for rule in rules)
    rows = {**_stored(workspace, name, version, since), **_journaled(workspace.settings.journal, name, version, since)}
    kept = [row for _, row in sorted(rows.items()) if row[0] >= since]
    schema = pa.schema([(AT, pa.timestamp("us", "UTC")), (LATENCY_MS, pa.float64()), (ERROR, pa.bool_())])
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in kept], schema).sort_by(AT)


def _since(rule: Alert, now: datetime) -> datetime:
    from datetime import timedelta

    return rule.over.after(now, -1) if rule.over is not None else now - timedelta(minutes=5)


def _stored(workspace: Workspace, name: str, version: int, since: datetime) -> dict[str, tuple[Any, ...]]:
    from mlops_assets.monitoring.columns import PREDICTED_AT, PREDICTION_ID, VERSION
    from mlops_assets.serving.compaction import LATENCY, by_day

    calendar = model_windows(workspace.catalogue.models[name], workspace.catalogue).calendar
    first = by_day(name, since) if calendar is None else calendar.key_of(since)
    rows: dict[str, tuple[Any, ...]] = {}
    for stage, failed in (("predictions", False), ("prediction_errors", True)):
        asset = f"{name}/{stage}"
        keys = [key for key in workspace.store.partitions(asset) if key is not None and key >= first]
        for manifest in workspace.store.window(asset, keys).values() if keys else ():
            there = {column for column, _ in manifest.schema}
            if not failed and LATENCY not in there:
                continue
            columns = [PREDICTION_ID, PREDICTED_AT, VERSION, *([] if failed else [LATENCY])]
            for row in workspace.store.read(manifest, columns).to_pylist():
                if row[VERSION] == version and (failed or row[LATENCY] is not None):
                    rows[row[PREDICTION_ID]] = (row[PREDICTED_AT], None if failed else row[LATENCY] / 1000, failed)
    return rows


def _journaled(journal: Path, name: str, version: int, since: datetime) -> dict[str, tuple[Any, ...]]:
    """Lines that are not compacted yet, of open segments too; a last line that is half written is left for the next time."""
    from datetime import UTC

    import msgspec

    from mlops_assets.serving.journal import SUFFIX

    decode, begin = msgspec.json.Decoder(list).decode, int(since.timestamp() * 1e6)
    rows: dict[str, tuple[Any, ...]] = {}
    for path in sorted(journal.glob(f"*{SUFFIX}")) if journal.is_dir() else ():
        try:
            if path.stat().st_mtime < since.timestamp():
                continue
            lines = path.read_bytes().splitlines()
        except FileNotFoundError:
            continue
        for line in lines:
            try:
                record = decode(line)
                kind, identifier, at, model, made_by, variant = record[:6]
            except (msgspec.DecodeError, ValueError):
                continue
            if kind not in ("prediction", "error") or model != name or made_by != version or at < begin or variant == SHADOW:
                continue
            rows[identifier] = (datetime.fromtimestamp(at / 1e6, UTC), record[10] / 1000 if kind == "prediction" else None, kind == "error")
    return rows
