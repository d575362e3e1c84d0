"""Checking a whole table: its valid rows in their types, the others apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.data.schema.checks import check
from mlops_assets.data.schema.columns import conform
from mlops_assets.data.schema.findings import Violation, broken, invalid_rows, violations

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset


@dataclass(frozen=True)
class Validation:
    """Rows apart: valid ones in their types, and invalid ones with what they break; and rows without an event time."""

    valid: pa.Table
    invalid: pa.Table
    violations: list[Violation]
    undated: int


def validate(dataset: Dataset, table: pa.Table, pinned: Mapping[str, str] | None) -> Validation:
    """Check one partition's rows as read from its source.

    Raises:
        SchemaError: when columns are missing, or are neither declared nor pinned.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    rows, findings, _ = conform(dataset, table, pinned)
    findings += check(dataset, rows, np.zeros(rows.num_rows, dtype=np.int64))
    bad = broken(findings, 0, rows.num_rows)
    undated = rows.column(dataset.event_time).null_count if dataset.event_time in rows.column_names else 0
    return Validation(
        valid=rows.filter(pc.invert(_mask(bad, rows.num_rows))),
        invalid=invalid_rows(rows.take(pa.array(bad)), findings, bad),
        violations=violations(dataset, findings, 0, rows.num_rows, np.arange(rows.num_rows)),
        undated=undated if dataset.kind == "events" else 0,
    )


def _mask(rows: np.ndarray, length: int) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    mask = np.zeros(length, dtype=bool)
    mask[rows] = True
    return pa.array(mask)
