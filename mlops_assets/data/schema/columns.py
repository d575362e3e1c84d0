"""The columns of a source against the declared and the pinned ones: undeclared ones are inferred once and pinned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast, get_args

from mlops_assets.data.schema.arrow_types import arrow_type, column_type, decimal_kind, scale_of
from mlops_assets.data.schema.conversion import convert
from mlops_assets.data.schema.errors import SchemaError
from mlops_assets.data.schema.findings import Finding
from mlops_assets.data.schema.problems import Problems
from mlops_assets.data.schema.times import NAIVE_AMONG_ZONED, without_zone
from mlops_assets.errors import nearest
from mlops_assets.spec.columns import ColumnType, SourceColumn

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset


def conform(dataset: Dataset, table: pa.Table, pinned: Mapping[str, str] | None) -> tuple[pa.Table, list[Finding], dict[str, ColumnType]]:
    """Rows as read from a source in their stored types, findings of what does not fit and is null now, and the type of each column.

    Args:
        pinned: types of the first ingest; None: this is the first.

    Raises:
        SchemaError: when columns are missing, or are neither declared nor pinned.
    """
    types = column_types(dataset, pinned) if pinned is not None else inferred_types(dataset, table)
    return *_in_types(dataset, table, types), types


def _in_types(dataset: Dataset, table: pa.Table, types: Mapping[str, ColumnType]) -> tuple[pa.Table, list[Finding]]:
    """The table with exactly the columns of ``types`` in their stored types; what does not fit is null and a finding."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if table.num_columns == 0:
        return pa.table({name: pa.array([], arrow_type(kind)) for name, kind in types.items()}), []
    _require(dataset, table, list(types))
    if added := [name for name in table.column_names if name not in types]:
        raise SchemaError(
            f"the source has a new column {added[0]!r}, which earlier partitions did not have.",
            where=dataset.name,
            do=f"Declare it in columns, drop it with prepare, or let go of the pinned columns with mlops store unpin {dataset.name}.",
        )
    timezone = dataset.timezone
    columns, findings = {}, []
    for name, kind in types.items():
        problems = Problems()
        raw = table.column(name)
        columns[name] = convert(raw, kind, column=dataset.columns.get(name), timezone=timezone, problems=problems)
        if len(problems.zones) > 1:
            problems.add(NAIVE_AMONG_ZONED, pc.and_(columns[name].is_valid(), without_zone(raw)))
        for rule, mask in problems.found:
            rows = np.flatnonzero(mask)
            findings.append(Finding(name, rule, rows, raw.take(pa.array(rows))))
    return pa.table(columns), findings


def inferred_types(dataset: Dataset, table: pa.Table) -> dict[str, ColumnType]:
    """Types of all columns of ``table``, in its order: declared ones as declared, the others as their values are.

    An undeclared column without any value counts as float64: if text comes later, that is a violation, not a guess.

    Raises:
        SchemaError: when a declared column is missing, or an undeclared one holds lists, mappings or bytes.
    """
    _require(dataset, table, declared_names(dataset))
    types: dict[str, ColumnType] = {}
    for field in table.schema:
        declared = dataset.columns.get(field.name)
        kind = _kind(declared, _scale(dataset, field)) if declared else column_type(field.type)
        if field.name in (dataset.event_time, dataset.available_at) and declared is None and kind != "date":
            kind = "datetime"
        if kind is None:
            raise SchemaError(
                f"column {field.name!r} holds {field.type}, which is not supported.",
                where=dataset.name,
                valid=get_args(ColumnType),
                do="Drop or flatten it with prepare.",
            )
        types[field.name] = kind
    return types


def column_types(dataset: Dataset, pinned: Mapping[str, str]) -> dict[str, ColumnType]:
    """Types of all columns: those that were pinned at the first ingest, with declarations over them."""
    types = {name: cast(ColumnType, kind) for name, kind in pinned.items()}
    return types | {name: _kind(column, scale_of(pinned.get(name, ""))) for name, column in dataset.columns.items()}


def _kind(column: SourceColumn, scale: int | None) -> ColumnType:
    """The kind of a declared column; ``scale`` is of a decimal that does not say its own."""
    digits = column.scale if column.scale is not None else scale
    return cast(ColumnType, decimal_kind(digits or 0)) if column.type == "decimal" else column.type


def _scale(dataset: Dataset, field: pa.Field) -> int:
    import pyarrow as pa

    column = dataset.columns[field.name]
    if column.type == "decimal" and column.scale is None and not pa.types.is_decimal(field.type):
        raise SchemaError(f"{field.name!r} is a decimal, but nothing says with how many digits.", where=dataset.name, do="Give its scale.")
    return field.type.scale if pa.types.is_decimal(field.type) else 0


def declared_names(dataset: Dataset) -> list[str]:
    """Every column that the declaration names."""
    named = [*dataset.columns, *dataset.primary_key, dataset.event_time, dataset.available_at]
    return list(dict.fromkeys(name for name in named if name is not None))


def _require(dataset: Dataset, table: pa.Table, names: list[str]) -> None:
    missing = [name for name in names if name not in table.column_names]
    if not missing:
        return
    guess = nearest(missing[0], table.column_names)
    raise SchemaError(
        f"the source has no column {', '.join(repr(name) for name in missing)}.",
        where=dataset.name,
        valid=table.column_names,
        do=f"Did you mean {guess!r}?" if guess else None,
    )
