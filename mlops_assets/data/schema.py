"""Checks of rows: declared columns compile to pandera, undeclared ones are inferred once and pinned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast, get_args

from mlops_assets.data.conversion import Problems, arrow_type, column_type, convert
from mlops_assets.errors import MlopsError, nearest
from mlops_assets.spec.columns import Column, ColumnType

if TYPE_CHECKING:
    import numpy as np
    import pandera.pandas as pandera
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset

EXAMPLES = 5
VIOLATIONS = "_violations"
"""Column of quarantined rows that says which rules they break."""


class SchemaError(MlopsError):
    """The columns of the source do not fit the declared or the pinned ones."""


@dataclass(frozen=True)
class Violation:
    """One rule that rows break.

    Attributes:
        column: the column, or the primary key's columns joined by a comma.
        rule: for example ``ge 0``, ``not missing``, ``type int64``, ``primary key``.
        count: how many rows break it.
        examples: up to five of the values, as text; none for personal data.
        rows: numbers of up to five of the rows, as the source gives them, from 1.
    """

    column: str
    rule: str
    count: int
    examples: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        rows = ", ".join(str(row) for row in self.rows) + (", …" if self.count > len(self.rows) else "")
        values = f": {', '.join(self.examples)}" if self.examples else ""
        return f"{self.column} breaks '{self.rule}' in {self.count} row{'s' if self.count != 1 else ''} (row {rows}{values})"


@dataclass(frozen=True)
class Validation:
    """Rows apart: valid ones in their types, and invalid ones with what they break; and rows without an event time."""

    valid: pa.Table
    invalid: pa.Table
    violations: list[Violation]
    undated: int


@dataclass(frozen=True)
class Finding:
    """One broken rule over many rows: which rows (sorted positions in the table), and their values."""

    column: str
    rule: str
    rows: np.ndarray
    values: pa.ChunkedArray | None


def validate(dataset: Dataset, table: pa.Table, pinned: Mapping[str, str] | None) -> Validation:
    """Check one partition's rows as read from its source.

    Raises:
        SchemaError: when columns are missing, or are neither declared nor pinned.
    """
    import numpy as np
    import pyarrow.compute as pc

    types = column_types(dataset, pinned) if pinned is not None else inferred_types(dataset, table)
    typed, findings = conform(dataset, table, types)
    findings += check(dataset, typed, np.zeros(typed.num_rows, dtype=np.int64))
    bad = broken(findings, 0, typed.num_rows)
    undated = typed.column(dataset.event_time).null_count if dataset.event_time in typed.column_names else 0
    return Validation(
        valid=typed.filter(pc.invert(_mask(bad, typed.num_rows))),
        invalid=invalid_rows(typed, findings, bad, 0),
        violations=violations(dataset, findings, 0, typed.num_rows, np.arange(typed.num_rows)),
        undated=undated if dataset.kind == "events" else 0,
    )


def compile_schema(dataset: Dataset, names: Iterable[str]) -> pandera.DataFrameSchema:
    """The pandera schema of columns ``names``: the checks of each, and uniqueness of the primary key. Types are a matter of conversion."""
    import pandera.pandas as pandera

    columns = {}
    for name in names:
        column = dataset.columns.get(name)
        columns[name] = pandera.Column(
            checks=_checks(column) if column else [],
            nullable=_nullable(dataset, name),
            unique=column.unique if column else False,
            required=True,
            name=name,
        )
    return pandera.DataFrameSchema(columns, unique=list(dataset.primary_key) or None, strict=True, name=dataset.name)


def _nullable(dataset: Dataset, name: str) -> bool:
    if name in dataset.primary_key or name == dataset.available_at:
        return False
    column = dataset.columns.get(name)
    return column.nullable if column else True


def _checks(column: Column) -> list[Any]:
    import pandera.pandas as pandera

    checks: list[Any] = []
    bounds = {"ge": column.ge, "le": column.le, "gt": column.gt, "lt": column.lt}
    for name, bound in bounds.items():
        if bound is not None:
            checks.append(getattr(pandera.Check, name)(bound, title=f"{name} {bound:g}"))
    if column.one_of is not None:
        checks.append(pandera.Check.isin(_vocabulary(column), title=f"one of {', '.join(str(value) for value in column.one_of)}"))
    if column.matches is not None:
        pattern = column.matches
        checks.append(pandera.Check(lambda values: values.str.fullmatch(pattern), title=f"matches {pattern}", name="fullmatch"))
    return checks


def _vocabulary(column: Column) -> list[Any]:
    import pandas as pd

    values = list(column.one_of or ())
    if column.type in ("string", "category"):
        return [str(value) for value in values]
    if column.type == "datetime":
        return [pd.Timestamp(str(value), tz="UTC") for value in values]
    if column.type == "date":
        return [pd.Timestamp(str(value)) for value in values]
    return values


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
        kind = declared.type if declared else column_type(field.type)
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
    return types | {name: column.type for name, column in dataset.columns.items()}


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


def conform(dataset: Dataset, table: pa.Table, types: Mapping[str, ColumnType]) -> tuple[pa.Table, list[Finding]]:
    """The table with exactly the columns of ``types`` in their stored types; what does not fit is null and a finding.

    Raises:
        SchemaError: when the columns are not those of ``types``.
    """
    import numpy as np
    import pyarrow as pa

    if table.num_columns == 0:
        return pa.table({name: pa.array([], arrow_type(kind)) for name, kind in types.items()}), []
    _require(dataset, table, list(types))
    if added := [name for name in table.column_names if name not in types]:
        raise SchemaError(
            f"the source has a new column {added[0]!r}, which earlier partitions did not have.",
            where=dataset.name,
            do=f"Declare it in columns, drop it with prepare, or let go of the pinned columns with mlops store unpin {dataset.name}.",
        )
    timezone = dataset.partitions.timezone if dataset.partitions else "UTC"
    columns, findings = {}, []
    for name, kind in types.items():
        problems = Problems()
        raw = table.column(name)
        columns[name] = convert(raw, kind, column=dataset.columns.get(name), timezone=timezone, problems=problems)
        for rule, mask in problems.found:
            rows = np.flatnonzero(mask)
            findings.append(Finding(name, rule, rows, raw.take(pa.array(rows))))
    return pa.table(columns), findings


def check(dataset: Dataset, table: pa.Table, groups: np.ndarray) -> list[Finding]:
    """Break no row out of a typed table: which rows break which check of the pandera schema.

    Each check runs once over the whole column, and over the distinct values only where the column is text.

    Args:
        groups: number of the partition of each row; uniqueness is within a partition.
    """
    schema = compile_schema(dataset, table.column_names)
    findings: list[Finding] = []
    for name, column in schema.columns.items():
        values = table.column(name)
        if not column.nullable and values.null_count and name != _time_of_events(dataset):
            findings.append(_finding(name, "not missing", values.is_null(), None))
        findings += [found for one in column.checks if (found := _run(one, name, values)) is not None]
        if column.unique and dataset.primary_key != (name,):
            findings += _repeated([name], "unique", table, groups)
    if schema.unique:
        findings += _repeated(list(dataset.primary_key), "primary key", table, groups)
    return findings


def _time_of_events(dataset: Dataset) -> str | None:
    """Column whose missing values mean undated rows, which belong to no partition, and are counted apart."""
    return dataset.event_time if dataset.kind == "events" and dataset.partitions else None


def _run(one: Any, name: str, values: pa.ChunkedArray) -> Finding | None:
    """Rows whose value is present and fails one pandera check."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(values.type):
        encoded = pc.dictionary_encode(values.combine_chunks())
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        passed = pa.array(_outcome(one, encoded.dictionary.to_pandas()), pa.bool_())
        failed = pc.invert(passed.take(encoded.indices))
    else:
        filled = pc.fill_null(values, _any_value(values.type)) if values.null_count else values
        passed = pa.array(_outcome(one, filled.to_pandas(date_as_object=False)), pa.bool_())
        failed = pc.and_(pc.invert(passed), values.is_valid().combine_chunks())
    return _finding(name, one.title, failed, values) if pc.any(failed).as_py() else None


def _outcome(one: Any, series: Any) -> Any:
    if not len(series):
        return []
    return one(series).check_output.to_numpy(dtype=bool)


def _any_value(kind: pa.DataType) -> Any:
    import pyarrow as pa

    return (
        pa.scalar(0, pa.int64()).cast(kind)
        if pa.types.is_temporal(kind) is False
        else pa.scalar(0, pa.int64()).cast(pa.timestamp("us")).cast(kind)
    )


def _finding(name: str, rule: str, mask: Any, values: pa.ChunkedArray | None) -> Finding:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    flat = mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask
    rows = np.flatnonzero(pc.fill_null(flat, False).to_numpy(zero_copy_only=False))
    return Finding(name, rule, rows, None if values is None else values.take(pa.array(rows)))


def _repeated(names: list[str], rule: str, table: pa.Table, groups: np.ndarray) -> list[Finding]:
    """Rows that repeat an earlier row of their partition in all of ``names``; rows with a missing value repeat nothing."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    codes = {"": groups}
    present = np.ones(table.num_rows, dtype=bool)
    for name in names:
        column = table.column(name)
        present &= column.is_valid().to_numpy()
        codes[name] = _codes(column)
    if len(names) == 1 and _all_differ(codes[names[0]][present]):
        return []
    repeated = pd.DataFrame(codes).duplicated().to_numpy() & present
    rows = np.flatnonzero(repeated)
    if not len(rows):
        return []
    values = table.column(names[0]).take(pa.array(rows)) if len(names) == 1 else _joined(table, names, rows)
    return [Finding(", ".join(names), rule, rows, values)]


def _all_differ(codes: np.ndarray) -> bool:
    """Whether no number occurs twice; a sort is several times faster than a hash table."""
    import numpy as np

    if (codes[1:] > codes[:-1]).all():
        return True
    ordered = np.sort(codes)
    return bool((ordered[1:] != ordered[:-1]).all())


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """Integers that are equal where the values are; what stands for a missing value does not matter."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_timestamp(kind):
        codes: np.ndarray = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
        return codes
    encoded = pc.dictionary_encode(column.combine_chunks())
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    codes = pc.fill_null(encoded.indices, 0).to_numpy()
    return codes


def _joined(table: pa.Table, names: list[str], rows: np.ndarray) -> pa.ChunkedArray:
    import pyarrow as pa

    taken = table.select(names).take(pa.array(rows)).to_pylist()
    return pa.chunked_array([pa.array([" / ".join(str(value) for value in row.values()) for row in taken], pa.string())])


def broken(findings: list[Finding], start: int, end: int) -> np.ndarray:
    """Sorted positions in ``[start, end)`` of rows that break at least one rule."""
    import numpy as np

    pieces = [finding.rows[_between(finding, start, end)] for finding in findings]
    return np.unique(np.concatenate(pieces)) if pieces else np.empty(0, dtype=np.int64)


def _between(finding: Finding, start: int, end: int) -> slice:
    import numpy as np

    low, high = np.searchsorted(finding.rows, [start, end])
    return slice(int(low), int(high))


def violations(dataset: Dataset, findings: list[Finding], start: int, end: int, numbers: np.ndarray) -> list[Violation]:
    """What is broken in rows ``[start, end)``; ``numbers`` are the source's row numbers from 0 of all rows."""
    found = []
    for finding in findings:
        span = _between(finding, start, end)
        rows = finding.rows[span]
        if not len(rows):
            continue
        private = any(dataset.columns[name].pii for name in finding.column.split(", ") if name in dataset.columns)
        shown = [] if finding.values is None or private else finding.values.slice(span.start, min(len(rows), EXAMPLES)).to_pylist()
        found.append(
            Violation(
                column=finding.column,
                rule=finding.rule,
                count=len(rows),
                examples=tuple(_shown(value) for value in shown),
                rows=tuple(int(numbers[row]) + 1 for row in rows[:EXAMPLES]),
            )
        )
    return found


def _shown(value: Any) -> str:
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def invalid_rows(table: pa.Table, findings: list[Finding], rows: np.ndarray, start: int) -> pa.Table:
    """Rows at positions ``rows``, with what they break; where a value had the wrong type, its column is the original text.

    Args:
        rows: sorted positions, all at or after ``start``; findings count from the same beginning.
    """
    import numpy as np
    import pyarrow as pa

    taken = table.take(pa.array(rows))
    texts: list[list[str]] = [[] for _ in rows]
    originals: dict[str, dict[int, str]] = {}
    for finding in findings:
        low, high = np.searchsorted(finding.rows, [rows[0], rows[-1] + 1]) if len(rows) else (0, 0)
        for offset, row in enumerate(finding.rows[low:high]):
            position = int(np.searchsorted(rows, row))
            texts[position].append(f"{finding.column}: {finding.rule}")
            if (
                finding.values is not None
                and finding.column in table.column_names
                and finding.values.type != table.column(finding.column).type
            ):
                originals.setdefault(finding.column, {})[position] = str(finding.values[int(low) + offset].as_py())
    for name, replaced in originals.items():
        values = taken.column(name).cast(pa.string()).to_pylist()
        restored = [replaced.get(position, value) for position, value in enumerate(values)]
        taken = taken.set_column(taken.column_names.index(name), name, pa.array(restored, pa.string()))
    return taken.append_column(VIOLATIONS, pa.array(["; ".join(text) for text in texts], pa.string()))


def _mask(rows: np.ndarray, length: int) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    mask = np.zeros(length, dtype=bool)
    mask[rows] = True
    return pa.array(mask)
