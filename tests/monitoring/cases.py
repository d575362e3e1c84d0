"""Made-up references, windows and outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_assets.monitoring.columns import KNOWN_AT, PREDICTED_AT, PREDICTION_ID, SCORE, TARGET
from mlops_assets.monitoring.reference import Reference, scores_of, sketch_score
from mlops_assets.monitoring.sketch import sketch_column, sketch_table

UTC_TIME = pa.timestamp("us", "UTC")
FEATURES = [(f"x{place}", "float64") for place in range(30)]


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2026, 1, number, hour, tzinfo=UTC)


def wide(n: int, seed: int, shift: Mapping[str, float] | None = None, columns: int = 30) -> pa.Table:
    """Columns of normal numbers and a uniform score."""
    random = np.random.default_rng(seed)
    shift = shift or {}
    found = {name: random.normal(shift.get(name, 0.0), 1, n) for name, _ in FEATURES[:columns]}
    return pa.table({**found, SCORE: random.uniform(size=n)})


def reference_of(table: pa.Table, features: list[tuple[str, str]], **changes: Any) -> Reference:
    """The reference of a binary model that learned from ``table`` and scored it."""
    body: dict[str, Any] = {
        "model": "churn",
        "bundle": "b" * 64,
        "task": "binary_classification",
        "classes": (False, True),
        "rows": table.num_rows,
        "rows_effective": table.num_rows,
        "entity": (),
        "columns": sketch_table(table, features),
        "score": sketch_score(scores_of(table)),
        "label": sketch_column(TARGET, "category", pa.array([True, False] * 500)),
    }
    return Reference(**{**body, **changes})


def predictions(ids: list[str], at: list[datetime], **columns: Any) -> pa.Table:
    return pa.table({PREDICTION_ID: ids, PREDICTED_AT: pa.array(at, UTC_TIME), SCORE: [0.5] * len(ids), **columns})


def labels(rows: list[tuple[str, Any, datetime]]) -> pa.Table:
    ids, values, known = zip(*rows, strict=True) if rows else ((), (), ())
    target = pa.array(values, pa.bool_() if not values or isinstance(values[0], bool) else None)
    return pa.table({PREDICTION_ID: pa.array(ids, pa.string()), TARGET: target, KNOWN_AT: pa.array(known, UTC_TIME)})
