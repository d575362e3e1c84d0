"""The page that people read: Evidently's drift report on a bounded, reproducible sample. It shows; decisions are made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.monitoring.sketch import KIND_OF

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SAMPLE = 5_000


def write_report(
    reference: pa.Table, window: pa.Table, features: Sequence[tuple[str, str]], to: Path, *, sample: int = SAMPLE, seed: int = 7
) -> list[str]:
    """Write an HTML page that compares two tables.

    Args:
        reference: rows that the model learned from.
        window: rows that it scored.
        features: columns to compare with their feature types.
        to: file to write.
        sample: rows of each table at most, drawn by ``seed``.

    Returns:
        Columns that are not on the page, since one of the tables holds no value of them.

    Raises:
        MonitoringError: when no column can be compared.
    """
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    old, new = _sampled(reference, features, sample, seed), _sampled(window, features, sample, seed + 1)
    filled = [name for name, _ in features if all(name in table and table[name].notna().any() for table in (old, new))]
    shown = [(name, type) for name, type in features if name in filled and KIND_OF[type] != "time"]
    if not shown:
        raise MonitoringError("no column has values in both the reference and the window, so there is nothing to show.")
    names = [name for name, _ in shown]
    definition = DataDefinition(
        numerical_columns=[name for name, type in shown if KIND_OF[type] == "number"],
        categorical_columns=[name for name, type in shown if KIND_OF[type] == "category"],
    )
    snapshot = Report([DataDriftPreset(columns=names)]).run(
        Dataset.from_pandas(new[names], data_definition=definition), Dataset.from_pandas(old[names], data_definition=definition)
    )
    to.parent.mkdir(parents=True, exist_ok=True)
    snapshot.save_html(str(to))
    return [name for name, _ in features if name not in names]


def _sampled(table: pa.Table, features: Sequence[tuple[str, str]], sample: int, seed: int) -> pd.DataFrame:
    import numpy as np
    import pyarrow as pa

    present = [(name, type) for name, type in features if name in table.column_names]
    rows = table.select([name for name, _ in present])
    if rows.num_rows > sample:
        rows = rows.take(pa.array(np.sort(np.random.default_rng(seed).choice(rows.num_rows, sample, replace=False))))
    frame: pd.DataFrame = rows.to_pandas()
    for name, type in present:
        frame[name] = _plain(frame[name], type)
    return frame


def _plain(column: pd.Series, type: str) -> Any:
    import pandas as pd

    if KIND_OF[type] == "number":
        return pd.to_numeric(column, errors="coerce").astype("float64")
    return column.map(lambda value: None if pd.isna(value) else str(value)).astype(object)
