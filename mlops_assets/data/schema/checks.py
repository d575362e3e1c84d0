"""Running the checks of a pandera schema on an Arrow table."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mlops_assets.data.schema.arrays import encoded, is_text, where_true
from mlops_assets.data.schema.findings import Finding
from mlops_assets.data.schema.repetition import repeated
from mlops_assets.data.schema.rules import compile_schema

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset


def check(dataset: Dataset, table: pa.Table, groups: np.ndarray) -> list[Finding]:
    """Break no row out of a typed table: which rows break which check of the pandera schema.

    Each check runs once over the whole column, and over the distinct values only where the column is text.

    Args:
        groups: number of the partition of each row; uniqueness is within a partition.
    """
    findings = check_values(dataset, table)
    for names, rule in distinct(dataset, table.column_names):
        findings += repeated(names, rule, table, groups)
    return findings


def check_values(dataset: Dataset, table: pa.Table) -> list[Finding]:
    """The same without uniqueness: what each value says by itself."""
    findings: list[Finding] = []
    for name, column in compile_schema(dataset, table.column_names).columns.items():
        values = table.column(name)
        if not column.nullable and values.null_count and name != _time_of_events(dataset):
            findings.append(_finding(name, "not missing", values.is_null(), None))
        findings += [found for one in column.checks if (found := _run(one, name, values)) is not None]
    return findings


def distinct(dataset: Dataset, names: Iterable[str]) -> list[tuple[list[str], str]]:
    """Columns that name a row together, each with the rule that says so."""
    schema = compile_schema(dataset, names)
    unique = [([name], "unique") for name, column in schema.columns.items() if column.unique and dataset.primary_key != (name,)]
    return unique + ([(list(dataset.primary_key), "primary key")] if schema.unique else [])


def _time_of_events(dataset: Dataset) -> str | None:
    """Column whose missing values mean undated rows, which belong to no partition, and are counted apart."""
    return dataset.event_time if dataset.kind == "events" and dataset.partitions else None


def _run(one: Any, name: str, values: pa.ChunkedArray) -> Finding | None:
    """Rows whose value is present and fails one pandera check."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if is_text(values.type):
        texts = encoded(values)
        passed = pa.array(_outcome(one, texts.dictionary.to_pandas()), pa.bool_())
        failed = pc.invert(passed.take(texts.indices))
    else:
        filled = pc.fill_null(values, _any_value(values.type)) if values.null_count else values
        passed = pa.array(_outcome(one, _series(filled)), pa.bool_())
        failed = pc.and_(pc.invert(passed), values.is_valid().combine_chunks())
    return _finding(name, one.title, failed, values) if pc.any(failed).as_py() else None


def _outcome(one: Any, series: Any) -> Any:
    if not len(series):
        return []
    return one(series).check_output.to_numpy(dtype=bool)


def _series(values: pa.ChunkedArray) -> Any:
    """Values as pandas compares them exactly; decimals stay Arrow's, which are far quicker than Python's."""
    import pandas as pd
    import pyarrow as pa

    mapper = pd.ArrowDtype if pa.types.is_decimal(values.type) else None
    return values.to_pandas(date_as_object=False, types_mapper=mapper)


def _any_value(kind: pa.DataType) -> pa.Scalar:
    """Some value of a type, which stands for a missing one while the others are looked at."""
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        return pa.scalar(Decimal(0), kind)
    zero = pa.scalar(0, pa.int64())
    return zero.cast(pa.timestamp("us")).cast(kind) if pa.types.is_temporal(kind) else zero.cast(kind)


def _finding(name: str, rule: str, mask: Any, values: pa.ChunkedArray | None) -> Finding:
    import numpy as np
    import pyarrow as pa

    rows = np.flatnonzero(where_true(mask))
    return Finding(name, rule, rows, None if values is None else values.take(pa.array(rows)))
