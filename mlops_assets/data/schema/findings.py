"""Which rows break which rule, and how that is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        places: where these rows stand, such as ``data/a.csv:7``, where the source has lines.
    """

    column: str
    rule: str
    count: int
    examples: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    places: tuple[str, ...] = ()

    def __str__(self) -> str:
        rows = ", ".join(str(row) for row in self.rows) + (", …" if self.count > len(self.rows) else "")
        values = f": {', '.join(self.examples)}" if self.examples else ""
        place = f"; {self.places[0]}" if self.places else ""
        return f"{self.column} breaks '{self.rule}' in {self.count} row{'s' if self.count != 1 else ''} (row {rows}{values}{place})"


def merged(findings: list[Finding]) -> list[Finding]:
    """One finding for each column and rule; of several the rows come in the order of the list."""
    import numpy as np
    import pyarrow as pa

    together: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        together.setdefault((finding.column, finding.rule), []).append(finding)
    result = []
    for (column, rule), parts in together.items():
        values = [part.values for part in parts if part.values is not None]
        if len({str(part.type) for part in values}) > 1:
            values = [pa.chunked_array([pa.array([str(_python_value(value)) for value in part], pa.string())]) for part in values]
        joined = pa.chunked_array([chunk for part in values for chunk in part.chunks], values[0].type) if values else None
        result.append(Finding(column, rule, np.concatenate([part.rows for part in parts]), joined))
    return result


def shifted(findings: list[Finding], by: int) -> list[Finding]:
    """The findings of a table that has ``by`` other rows before it now."""
    return [Finding(finding.column, finding.rule, finding.rows + by, finding.values) for finding in findings] if by else findings


def cut_out(findings: list[Finding], start: int, end: int) -> list[Finding]:
    """The findings about rows ``[start, end)``, at their positions in the whole table."""
    parts = []
    for finding in findings:
        span = _between(finding, start, end)
        if span.stop > span.start:
            values = None if finding.values is None else finding.values.slice(span.start, span.stop - span.start)
            parts.append(Finding(finding.column, finding.rule, finding.rows[span], values))
    return parts


def moved(findings: list[Finding], chosen: np.ndarray, length: int) -> list[Finding]:
    """The findings about rows ``chosen`` of a table of ``length`` rows, at their positions among these."""
    import numpy as np
    import pyarrow as pa

    places = np.full(length, -1)
    places[chosen] = np.arange(len(chosen))
    result = []
    for finding in findings:
        rows = places[finding.rows]
        kept = np.flatnonzero(rows >= 0)
        kept = kept[np.argsort(rows[kept], kind="stable")]
        values = None if finding.values is None else finding.values.take(pa.array(kept))
        result.append(Finding(finding.column, finding.rule, rows[kept], values))
    return result


def broken(findings: list[Finding], start: int, end: int) -> np.ndarray:
    """Sorted positions in ``[start, end)`` of rows that break at least one rule."""
    import numpy as np

    pieces = [finding.rows[_between(finding, start, end)] for finding in findings]
    return np.unique(np.concatenate(pieces)) if pieces else np.empty(0, dtype=np.int64)


def violations(
    dataset: Dataset,
    findings: list[Finding],
    start: int,
    end: int,
    numbers: Sequence[int] | np.ndarray,
    place: Callable[[int], str | None] = lambda _: None,
) -> list[Violation]:
    """What is broken in rows ``[start, end)``.

    Args:
        numbers: of all rows their number in the source, from 0.
        place: where the row of a number stands.
    """
    known = []
    for finding in findings:
        span = _between(finding, start, end)
        rows = finding.rows[span]
        if not len(rows):
            continue
        private = any(dataset.columns[name].pii for name in finding.column.split(", ") if name in dataset.columns)
        shown = [] if finding.values is None or private else finding.values.slice(span.start, min(len(rows), EXAMPLES))
        known.append(
            Violation(
                column=finding.column,
                rule=finding.rule,
                count=len(rows),
                examples=tuple(_shown(value) for value in shown),
                rows=tuple(int(numbers[row]) + 1 for row in rows[:EXAMPLES]),
                places=tuple(found for row in rows[:EXAMPLES] if (found := place(int(numbers[row]))) is not None),
            )
        )
    return known


def invalid_rows(taken: pa.Table, findings: list[Finding], rows: np.ndarray) -> pa.Table:
    """Rows with what they break; where a value had the wrong type, its column is the original text.

    Args:
        taken: the rows.
        findings: what is broken in the table that they are taken from.
        rows: their positions there, sorted.
    """
    import numpy as np
    import pyarrow as pa

    kinds = taken.schema
    texts: list[list[str]] = [[] for _ in rows]
    originals: dict[str, dict[int, str]] = {}
    for finding in findings:
        low, high = np.searchsorted(finding.rows, [rows[0], rows[-1] + 1]) if len(rows) else (0, 0)
        for offset, row in enumerate(finding.rows[low:high]):
            position = int(np.searchsorted(rows, row))
            texts[position].append(f"{finding.column}: {finding.rule}")
            if finding.values is None or finding.column not in kinds.names:
                continue
            if finding.values.type != kinds.field(finding.column).type or not taken.column(finding.column)[position].is_valid:
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
