"""Columns that are there in a part of history only: `since` and `until`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mlops_assets.data.ingest.routing import microseconds, moments
from mlops_assets.data.schema.findings import Finding
from mlops_assets.spec.zones import first_instant

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset

MISSING = "not missing"
"""The rule of a column that must have a value."""


def within_history(dataset: Dataset, findings: list[Finding], table: pa.Table, instant: int | None) -> list[Finding]:
    """The findings without missing values of rows from before a column began or after it ended.

    Args:
        table: the rows that the findings are about.
        instant: the time of all rows where they have none of their own, in microseconds since the epoch.
    """
    import numpy as np

    if not any(column.since or column.until for column in dataset.columns.values()):
        return findings
    kept, zone = [], ZoneInfo(dataset.timezone)
    for finding in findings:
        column = dataset.columns.get(finding.column)
        if column is None or finding.rule != MISSING or not (column.since or column.until):
            kept.append(finding)
            continue
        times = _times(dataset, table, instant)[finding.rows]
        there = np.ones(len(times), dtype=bool)
        if column.since is not None:
            there &= times >= microseconds(first_instant(column.since, zone))
        if column.until is not None:
            there &= times < microseconds(first_instant(column.until, zone))
        if there.any():
            kept.append(Finding(finding.column, finding.rule, finding.rows[there], None))
    return kept


def _times(dataset: Dataset, table: pa.Table, instant: int | None) -> np.ndarray:
    import numpy as np

    if instant is not None or dataset.event_time is None:
        return np.full(table.num_rows, instant or 0)
    return moments(table, dataset)[0]
