"""What a column of text looks like that nobody declared: numbers with a few other values among them, dates, booleans, or one text a row.

A model takes text as categories. A measure that became text by one ``n/a``, or a key, would give a category a row and teach nothing; a
column that is told here is to be declared. Few values that come again and again are a category, whatever they look like, and so are
codes: digits with leading zeros, or with letters among them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from mlops_assets.data.schema.arrays import encoded
from mlops_assets.spec.scalars import in_yaml

if TYPE_CHECKING:
    import pyarrow as pa

LookKind = Literal["numbers", "dates", "booleans", "ids"]

EXAMPLES = 3
LISTED = 10
"""So many different exceptions are named in a declaration; more of them are another matter."""
MOST = 0.8
"""This share of the different values, or half of the rows, makes what a column looks like."""
CODES = 0.05
"""More values than this share that mix digits and other signs are codes, no numbers."""
WHOLE_NUMBERS, FRACTIONS, TIMES = 30, 10, 10
"""So many different values are no category, however often they come."""
SELDOM = 3.0
"""Fewer rows a value than this are no category."""
KEYS = 50
"""So many rows without a value that comes twice are keys."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(?i:inf|infinity|nan)")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?")
_DECORATION = re.compile(r"^(?:[€$£¥]|USD|EUR|GBP|CHF)\s*|\s*(?:[%€$£¥]|USD|EUR|GBP|CHF)$")
_DATE = re.compile(r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ]\d{1,2}:\d{2}.*)?")
_LEADING_ZERO = re.compile(r"[+-]?0\d.*")


@dataclass(frozen=True)
class Exceptional:
    """A value that is unlike the others: its row in the column (from 0), its line or other place in the source if known, and its text."""

    row: int
    line: int | None
    value: str

    def __str__(self) -> str:
        return f"row {self.row + 1} `{self.value}`" if self.line is None else f"line {self.line} `{self.value}`"


@dataclass(frozen=True)
class Looks:
    """What a column of text looks like.

    Attributes:
        kind: of the values; ``ids``: hardly a value comes twice.
        share: of the rows with a value that look so.
        rows: how many have a value.
        exceptions: how many of them look otherwise.
        examples: the first of these.
        others: the different texts of the exceptions, at most :data:`LISTED` and one.
        options: what a declaration must say beside the type, for values of this kind to be read.
        unreadable: whether no declaration lets it be read: signs of currency or percent stand beside the numbers, or dates are written
            in several ways or in one that could be read in several.
        distinct: how many different values there are.
    """

    kind: LookKind
    share: float
    rows: int
    exceptions: int
    examples: tuple[Exceptional, ...]
    others: tuple[str, ...]
    distinct: int
    options: tuple[tuple[str, str], ...] = ()
    unreadable: bool = False

    @property
    def sentence(self) -> str:
        """For example: looks like numbers with 2 exceptions: line 7 `n/a`, line 12 `-`."""
        return f"{self.summary}: {self.shown}" if self.shown else self.summary

    @property
    def shown(self) -> str:
        """The first exceptions with their places; empty where there are none."""
        return ", ".join(str(one) for one in self.examples) + (", …" if self.exceptions > len(self.examples) else "")

    @property
    def summary(self) -> str:
        """What it looks like and how many exceptions there are."""
        if self.kind == "ids":
            return f"has {self.distinct:,} different values in {self.rows:,} rows: it names rows, and tells nothing of others"
        if not self.exceptions:
            unreadable = {"numbers": " with signs of currency or percent", "dates": " that can be read in no way or in several"}
            return f"looks like {self.kind}{unreadable.get(self.kind, '') if self.unreadable else ''}"
        many = "1 exception" if self.exceptions == 1 else f"{self.exceptions:,} exceptions"
        return f"looks like {self.kind} with {many}"

    def declaration(self, column: str) -> str | None:
        """A line for `columns` of the data set that lets the column be read as what it looks like; None where none could."""
        if self.kind == "ids" or self.unreadable or len(self.others) > LISTED:
            return None
        types = {"numbers": "float64", "dates": "datetime", "booleans": "bool"}
        parts = [f"type: {types[self.kind]}", *(f"{key}: {in_yaml(value, quoted=True)}" for key, value in self.options)]
        if self.others:
            parts += ["nullable: true", f"missing: [{', '.join(in_yaml(text, quoted=True) for text in self.others)}]"]
        return f"{in_yaml(column)}: {{{', '.join(parts)}}}"


def looks_like(values: pa.ChunkedArray | pa.Array, line_of: Callable[[int], int] | None = None) -> Looks | None:
    """What a column of text looks like; None for a sound category, for text, and where too little is there to tell.

    Args:
        values: text, null where a value is missing.
        line_of: from a row of ``values`` (from 0) to its line in the source; it is asked for the examples alone.
    """
    import numpy as np
    import pyarrow as pa

    column = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    coded = encoded(column.cast(pa.string()))
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    texts: list[str] = coded.dictionary.to_pylist()
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    frequency = {text: int(count) for text, count in zip(texts, counts, strict=True) if count}
    for look in (_numbers, _dates, _booleans, _ids):
        found = look(frequency)
        if found is None:
            continue
        kind, fitting, options, decorated = found
        rows = int(counts.sum())
        others = np.array([text in frequency and text not in fitting for text in texts])
        odd = np.flatnonzero((codes >= 0) & others[codes]) if len(texts) and kind != "ids" else np.array([], dtype=int)
        first = tuple(Exceptional(int(row), line_of(int(row)) if line_of else None, texts[codes[row]]) for row in odd[:EXAMPLES])
        listed = tuple(text for text, other in zip(texts, others, strict=True) if other)[: LISTED + 1] if len(odd) else ()
        return Looks(kind, 1 - len(odd) / rows, rows, len(odd), first, listed, len(frequency), options, decorated)
    return None


Found = tuple[LookKind, set[str], tuple[tuple[str, str], ...], bool]


def _numbers(frequency: Mapping[str, int]) -> Found | None:
    bare = {text: _DECORATION.sub("", _DECORATION.sub("", text.strip())) for text in frequency}
    points = {text for text, number in bare.items() if _NUMBER.fullmatch(number) or _GROUPED.fullmatch(number)}
    commas = {text for text, number in bare.items() if _COMMA.fullmatch(number)}
    with_comma = len(commas - points) > len(points - commas)
    fitting = commas if with_comma else points
    if not _mostly(fitting, frequency) or any(_LEADING_ZERO.fullmatch(text) and "." not in text and "," not in text for text in fitting):
        return None
    mixed = sum(1 for text in frequency if text not in fitting and any(sign.isdigit() for sign in text))
    if mixed > CODES * len(fitting):
        return None
    decorated = any(bare[text] != text.strip() for text in fitting)
    fractions = decorated or any("." in text or "," in text for text in fitting)
    if not _many(fitting, frequency, FRACTIONS if fractions else WHOLE_NUMBERS, 2 if fractions else FRACTIONS):
        return None
    options: dict[str, str] = {}
    if with_comma:
        options = {"decimal": ","} | ({"thousands": "."} if any("." in text for text in fitting) else {})
    elif any("," in text for text in fitting):
        options = {"thousands": ","}
    return "numbers", fitting, tuple(options.items()), decorated


def _dates(frequency: Mapping[str, int]) -> Found | None:
    fitting = {text for text in frequency if _DATE.fullmatch(text.strip())}
    if not _mostly(fitting, frequency) or not _many(fitting, frequency, TIMES, 2):
        return None
    formats = _formats(fitting)
    return "dates", fitting, (("format", formats[0]),) if len(formats) == 1 else (), not formats or len(formats) > 1


def _formats(dates: set[str]) -> list[str]:
    """Ways to read all of them; empty text for the international one, which needs no format."""
    found = []
    for day in ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y"):
        for time in ("", " %H:%M", " %H:%M:%S"):
            if all(_reads(text, day + time) for text in dates):
                found.append(day + time)
    return found


def _reads(text: str, form: str) -> bool:
    try:
        datetime.strptime(text.strip(), form)
    except ValueError:
        return False
    return True


def _booleans(frequency: Mapping[str, int]) -> Found | None:
    fitting = {text for text in frequency if text.strip().lower() in ("true", "false")}
    both = {text.strip().lower() for text in fitting} == {"true", "false"}
    few = sum(frequency[text] for text in frequency if text not in fitting) <= 0.01 * sum(frequency.values())
    return ("booleans", fitting, (), False) if both and few and len(fitting) < len(frequency) else None


def _ids(frequency: Mapping[str, int]) -> Found | None:
    rows = sum(frequency.values())
    once = rows >= KEYS and (len(frequency) == rows or len(frequency) >= 0.95 * rows >= 4 * KEYS)
    return ("ids", set(frequency), (), False) if once else None


def _mostly(fitting: set[str], frequency: Mapping[str, int]) -> bool:
    rows = sum(frequency[text] for text in fitting)
    return bool(fitting) and (len(fitting) >= MOST * len(frequency) or (len(fitting) > 1 and 2 * rows >= sum(frequency.values())))


def _many(fitting: set[str], frequency: Mapping[str, int], enough: int, few: int) -> bool:
    """Whether there are too many different values for a category: a large number of them, or some that hardly repeat."""
    return len(fitting) >= enough or (len(fitting) >= few and sum(frequency.values()) / len(frequency) < SELDOM)


def suspicious(table: pa.Table, declared: Mapping[str, object], line_of: Callable[[int], int] | None = None) -> Iterator[tuple[str, Looks]]:
    """The undeclared text columns of a table that look like something else, with what they look like."""
    import pyarrow as pa

    for field in table.schema:
        if field.name not in declared and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
            found = looks_like(table.column(field.name), line_of)
            if found is not None:
                yield field.name, found
