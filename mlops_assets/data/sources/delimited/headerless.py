"""Whether the first row of a file is data instead of names, judged by the types that the columns have below it.

Only what is unmistakable is refused: every column of numbers or times has a number or a time in its first row too, or the first row's
words are among the most frequent ones of their columns. Names that are numbers stay possible where they count or ascend, as years and bins
do and rows of data do not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from mlops_assets.spec.delimited import Head, Misread

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 1000
_CELLS = 10_000
_ENOUGH = 20
_FREQUENT = 0.1
_YEARS = (1800.0, 2200.0)
_NOTHING = {"", "?", "-", "na", "n/a", "nan", "null", "none", "inf", "-inf"}
_KINDS = {
    "number": re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?"),
    "time": re.compile(
        r"\d{4}-\d\d?-\d\d?([T ]\d\d?:\d\d.*)?"
        r"|\d{4}/\d\d?/\d\d?( \d\d?:\d\d.*)?"
        r"|\d\d?[./-]\d\d?[./-]\d{2,4}( \d\d?:\d\d.*)?"
        r"|\d\d?:\d\d(:\d\d)?"
    ),
}


def look_at_header(head: Head, table: pa.Table) -> None:
    """Compare the first row with the columns below it.

    Raises:
        Misread: for a first row that is unmistakably data.
    """
    cells = [cell.strip() for cell in head.written]
    rows = min(_ROWS, max(_ENOUGH, _CELLS // len(cells)))
    columns = [[(value or "").strip() for value in column.to_pylist()] for column in table.slice(0, rows).columns]
    if not table.num_rows:
        return
    kinds = [_kind_of(column) for column in columns]
    typed = [place for place, kind in enumerate(kinds) if kind is not None]
    alike = [place for place in typed if _kind(cells[place]) == kinds[place]]
    if typed and alike == typed and not _may_be_names(cells, columns, typed, kinds):
        sure = f"each column of numbers or times ({len(typed)} of {len(cells)}) has a number or a time in it too"
    elif not typed and _words_are_values(cells, columns):
        sure = "its words are frequent values of the columns below it"
    else:
        return
    raise Misread(
        f"the first row looks like data, not like names: {sure}.",
        line=head.line,
        do="Declare names: [...] and header: false. If these are the names, write them as names: [...] and keep header: true.",
    )


def _kind(text: str) -> str | None:
    return next((kind for kind, pattern in _KINDS.items() if pattern.fullmatch(text)), None)


def _kind_of(column: Sequence[str]) -> str | None:
    """The kind that all values of a column have; None where they have none, or not the same."""
    kinds = {_kind(value) for value in column if value.lower() not in _NOTHING}
    return kinds.pop() if len(kinds) == 1 else None


def _may_be_names(cells: Sequence[str], columns: Sequence[Sequence[str]], typed: Sequence[int], kinds: Sequence[str | None]) -> bool:
    """Whether numbers in the first row may be names: years over what are no years, or three and more that ascend while the rows do not."""
    if any(kinds[place] != "number" for place in typed):
        return False
    names = [_value(cells[place]) for place in typed]
    if any(name is None for name in names):
        return False
    numbers = [name for name in names if name is not None]
    rows = list(zip(*(columns[place] for place in typed), strict=True))
    if all(name.is_integer() and _YEARS[0] <= name <= _YEARS[1] for name in numbers) and (len(numbers) == 1 or _ascends(numbers)):
        return not all(_is_year(value) for row in rows for value in row if value)
    if len(numbers) < 3 or not _ascends(numbers):
        return False
    ascending = sum(_ascends([value for text in row if (value := _value(text)) is not None]) for row in rows)
    return ascending * 2 < len(rows)


def _value(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _is_year(text: str) -> bool:
    value = _value(text)
    return value is not None and value.is_integer() and _YEARS[0] <= value <= _YEARS[1]


def _ascends(numbers: Sequence[float]) -> bool:
    return all(one < other for one, other in pairwise(numbers)) or all(one > other for one, other in pairwise(numbers))


def _words_are_values(cells: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    """Whether each column that repeats its values holds the first row's word often, and there is such a column."""
    repeating = []
    for cell, column in zip(cells, columns, strict=True):
        counts = Counter(column)
        if len(column) >= _ENOUGH and len(counts) * 2 <= len(column):
            repeating.append(bool(cell) and counts[cell] >= _FREQUENT * len(column))
    return bool(repeating) and all(repeating)
