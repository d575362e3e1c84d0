"""Which rows break which rule, and how that is told."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset

EXAMPLES = 5
VIOLATIONS = "_violations"
"""Column of quarantined rows that says which rules they break."""


@dataclass(frozen=True)
class Finding:
    """One broken rule over many rows: which rows (sorted positions in the table), and their values."""

    column: str
    rule: str
    rows: np.ndarray
    values: pa.ChunkedArray | None


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


def broken(findings: list[Finding], start: int, end: int) -> np.ndarray:
    """Sorted positions in ``[start, end)`` of rows that break at least one rule."""
    import numpy as np

    pieces = [finding.rows[_between(finding, start, end)] for finding in findings]
    return np.unique(np.concatenate(pieces)) if pieces else np.empty(0, dtype=np.int64)


def violations(dataset: Dataset, findings: list[Finding], start: int, end: int, numbers: np.ndarray) -> list[Violation]:
    """What is broken in rows ``[start, end)``; ``numbers`` are the source's row numbers from 0 of all rows."""
    found = []
    for finding in findings:
        span = _between(finding, start, end)
        rows = finding.rows[span]
        if not len(rows):
            continue
        private = any(dataset.columns[name].pii for name in finding.column.split(", ") if name in dataset.columns)
        shown = [] if finding.values is None or private else finding.values.slice(span.start, min(len(rows), EXAMPLES))
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
                and (finding.values.type != table.column(finding.column).type or not table.column(finding.column)[int(row)].is_valid)
            ):
                originals.setdefault(finding.column, {})[position] = str(_python_value(finding.values[int(low) + offset]))
    for name, replaced in originals.items():
        values = taken.column(name).cast(pa.string()).to_pylist()
        restored = [replaced.get(position, value) for position, value in enumerate(values)]
        taken = taken.set_column(taken.column_names.index(name), name, pa.array(restored, pa.string()))
    return taken.append_column(VIOLATIONS, pa.array(["; ".join(text) for text in texts], pa.string()))


def _between(finding: Finding, start: int, end: int) -> slice:
    import numpy as np

    low, high = np.searchsorted(finding.rows, [start, end])
    return slice(int(low), int(high))


def _python_value(value: pa.Scalar) -> Any:
    """A value of Arrow as one of Python; a time that Python has none for as the count that it is."""
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        return value.value


def _shown(cell: pa.Scalar) -> str:
    value = _python_value(cell)
    text = value.isoformat() if hasattr(value, "isoformat") else f"{value:f}" if isinstance(value, Decimal) else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
