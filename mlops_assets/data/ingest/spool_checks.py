"""Checks of rows that are too many for memory: values table by table, uniqueness over a part of the keys at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.data.ingest.history import within_history
from mlops_assets.data.ingest.spool import Spool
from mlops_assets.data.schema.checks import check_values, distinct
from mlops_assets.data.schema.findings import Finding, merged, shifted
from mlops_assets.data.schema.repetition import repeated

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset

KEYS = 4_000_000
"""About so many keys are held against each other at once."""


def check_spool(dataset: Dataset, spool: Spool, instant: int | None) -> list[Finding]:
    """What :func:`mlops_assets.data.schema.checks.check` finds, of one partition.

    Args:
        instant: the time of all rows where they have none of their own, in microseconds since the epoch.
    """
    findings: list[Finding] = []
    first = 0
    for number in range(len(spool)):
        table = spool.table(number)
        findings += shifted(within_history(dataset, check_values(dataset, table), table, instant), first)
        first += table.num_rows
    findings = merged(findings)
    for names, rule in distinct(dataset, spool.schema.names):
        findings += _repeated(spool, names, rule)
    return findings


def _repeated(spool: Spool, names: list[str], rule: str) -> list[Finding]:
    import numpy as np
    import pyarrow as pa

    parts = -(-spool.total // KEYS)
    found = []
    for part in range(parts):
        tables, positions = [], []
        first = 0
        for number in range(len(spool)):
            keys = spool.table(number).select(names)
            mine = np.flatnonzero(_part_of(keys, parts) == part)
            tables.append(keys.take(pa.array(mine)))
            positions.append(mine + first)
            first += keys.num_rows
        places = np.concatenate(positions)
        for one in repeated(names, rule, pa.concat_tables(tables), np.zeros(len(places), dtype=np.int64)):
            found.append(Finding(one.column, one.rule, places[one.rows], one.values))
    return [_in_order(finding) for finding in merged(found)]


def _part_of(keys: pa.Table, parts: int) -> np.ndarray:
    """Of each row the number of its part; equal keys are in one part."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    hashes = np.zeros(keys.num_rows, dtype=np.uint64)
    for column in keys.columns:
        counted = pa.types.is_integer(column.type) or pa.types.is_timestamp(column.type)
        values = pc.fill_null(column.cast(pa.int64()), 0).to_numpy() if counted else column.cast(pa.string()).to_pandas().to_numpy()
        hashes = hashes * np.uint64(31) + pd.util.hash_array(values, categorize=False)
    return np.asarray(hashes % np.uint64(parts))


def _in_order(finding: Finding) -> Finding:
    import numpy as np
    import pyarrow as pa

    order = np.argsort(finding.rows, kind="stable")
    values = None if finding.values is None else finding.values.take(pa.array(order))
    return Finding(finding.column, finding.rule, finding.rows[order], values)
