"""A compact, JSON-serialisable picture of a column, exact for few distinct values and close to exact for many.

Numbers are kept as at most :data:`POINTS` of them, all rows of both tails and evenly spaced ones between, each with the exact number
of rows at it and of rows between it and the one before; those count as spread evenly. Mean and standard deviation are exact. Categories
are kept with their counts, the rarest of many taken together. The same rows give the same sketch, whatever their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.monitoring.errors import MonitoringError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, np.dtype[Any]]

Kind = Literal["number", "category", "time"]

POINTS = 2000
TAIL = 250
MIDDLE = POINTS - 2 * TAIL
CATEGORIES = 1000
LEAST_NAMED = 10
KIND_OF: Mapping[str, Kind] = {
    "int64": "number",
    "float64": "number",
    "string": "category",
    "category": "category",
    "bool": "category",
    "datetime": "time",
    "date": "time",
}
"""How a column of each feature type is compared. Times move on by themselves; of them only missing values are."""


@dataclass(frozen=True)
class Numbers:
    """A distribution of numbers.

    Attributes:
        values: ascending ``(k,)``, without missing and infinite ones.
        counts: how many rows have each ``(k,)``; None: ``values`` are all rows.
        between: how many rows lie between each and the one before it ``(k,)``; None: none.
        n: rows.
        low, high, mean, sd: of all rows (population standard deviation); 0 where there are none.
        distinct: distinct values, where ``values`` holds them all; else a number above :data:`POINTS`.
        integer: whether they are whole numbers by type.
    """

    values: Array
    counts: Array | None
    between: Array | None
    n: int
    low: float
    high: float
    mean: float
    sd: float
    distinct: int
    integer: bool

    def share_below(self, at: Array, *, inclusive: bool = True) -> Array:
        """Share of rows up to each of ``at`` (k,), or below it."""
        import numpy as np

        if self.counts is None:
            return np.searchsorted(self.values, at, side="right" if inclusive else "left") / self.n
        between = np.zeros(len(self.values)) if self.between is None else self.between
        up_to = np.cumsum(self.counts + between)
        index = np.searchsorted(self.values, at, side="right")
        before, after = np.maximum(index - 1, 0), np.minimum(index, len(self.values) - 1)
        rows = np.where(index > 0, up_to[before], 0.0)
        hit = (index > 0) & (self.values[before] == at)
        if not inclusive:
            rows = np.where(hit, rows - self.counts[before], rows)
        gap = np.where((index > 0) & (index < len(self.values)) & ~hit, between[after], 0.0)
        width = np.where(gap > 0, self.values[after] - self.values[before], 1.0)
        share: Array = (rows + gap * (at - self.values[before]) / width) / self.n
        return share

    @classmethod
    def of(cls, values: Array, *, integer: bool = False) -> Numbers:
        """The exact distribution of ``values (n,)``; those that are not finite are left out."""
        import numpy as np

        known = np.asarray(values, float)
        finite = np.isfinite(known)
        known = np.sort(known if finite.all() else known[finite])
        n = len(known)
        if not n:
            return cls(known, None, None, 0, 0.0, 0.0, 0.0, 0.0, 0, integer)
        distinct = 1 + int(np.count_nonzero(known[1:] != known[:-1]))
        return cls(known, None, None, n, float(known[0]), float(known[-1]), float(known.mean()), float(known.std()), distinct, integer)

    def compact(self) -> Numbers:
        """At most :data:`POINTS` values that stand for all."""
        import numpy as np

        if self.n == 0 or self.counts is not None:
            return self
        if self.distinct <= POINTS:
            kept = np.unique(self.values)
        else:
            places = TAIL + ((np.arange(MIDDLE) + 0.5) * (self.n - 2 * TAIL) / MIDDLE).astype(int)
            kept = np.unique(np.concatenate([self.values[:TAIL], self.values[places], self.values[-TAIL:]]))
        left, right = (np.searchsorted(self.values, kept, side=side) for side in ("left", "right"))
        between = (left - np.concatenate([[0], right[:-1]])).astype(float)
        return Numbers(
            kept,
            (right - left).astype(float),
            between if between.any() else None,
            self.n,
            self.low,
            self.high,
            self.mean,
            self.sd,
            self.distinct,
            self.integer,
        )


@dataclass(frozen=True)
class Categories:
    """A distribution of categories.

    Attributes:
        counts: rows by value as text, most frequent first.
        n: rows.
        other: rows of values that are not named because there are too many.
        singletons: values that occur once: of rows to come, about ``singletons / n`` hold a value that was never seen (Good-Turing).
    """

    counts: Mapping[str, float]
    n: int
    other: float
    singletons: int

    @classmethod
    def of(cls, column: pa.ChunkedArray | pa.Array) -> Categories:
        """The exact distribution of an Arrow column; missing values are left out."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        found = pc.value_counts(column.drop_null())
        counted = {str(value): 0.0 for value in (_text(v) for v in found.field("values").to_pylist())}
        for value, count in zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True):
            counted[_text(value)] += count
        ordered = dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
        return cls(ordered, int(sum(ordered.values())), 0.0, sum(count == 1 for count in ordered.values()))

    def compact(self) -> Categories:
        """The :data:`CATEGORIES` most frequent values, the rest taken together.

        Where there are more, rare ones are not named either: a value is among the frequent ones partly by chance, and would seem to
        become rarer in any other sample.
        """
        if len(self.counts) <= CATEGORIES:
            return self
        kept = {value: count for value, count in list(self.counts.items())[:CATEGORIES] if count >= LEAST_NAMED}
        return Categories(kept, self.n, self.n - sum(kept.values()), self.singletons)


@dataclass(frozen=True)
class ColumnSketch:
    """One column of the reference.

    Attributes:
        name: of the column.
        type: its type, a feature type of the signature.
        rows: all rows, missing ones too.
        missing: rows without a value (for numbers also those that are not finite).
        numbers, categories: the distribution of the others; both None for times.
    """

    name: str
    type: str
    rows: int
    missing: int
    numbers: Numbers | None = None
    categories: Categories | None = None

    @property
    def kind(self) -> Kind:
        return KIND_OF[self.type]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        body: dict[str, Any] = {"name": self.name, "type": self.type, "rows": self.rows, "missing": self.missing}
        if self.numbers is not None:
            found = self.numbers.compact()
            body["numbers"] = {
                "values": found.values.tolist(),
                "counts": [] if found.counts is None else found.counts.astype(int).tolist(),
                "between": None if found.between is None else found.between.astype(int).tolist(),
                "n": found.n,
                "low": found.low,
                "high": found.high,
                "mean": found.mean,
                "sd": found.sd,
                "distinct": found.distinct,
                "integer": found.integer,
            }
        if self.categories is not None:
            kept = self.categories.compact()
            body["categories"] = {
                "counts": [[value, int(count)] for value, count in kept.counts.items()],
                "n": kept.n,
                "other": int(kept.other),
                "singletons": kept.singletons,
            }
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ColumnSketch:
        """Inverse of :meth:`to_json`."""
        numbers, categories = body.get("numbers"), body.get("categories")
        return cls(
            body["name"],
            body["type"],
            body["rows"],
            body["missing"],
            _numbers(numbers) if numbers else None,
            Categories({v: float(c) for v, c in categories["counts"]}, categories["n"], categories["other"], categories["singletons"])
            if categories
            else None,
        )


def sketch_column(name: str, type: str, column: pa.ChunkedArray | pa.Array, *, exact: bool = False) -> ColumnSketch:
    """Sketch an Arrow column that should have feature type ``type``.

    Args:
        name: of the column.
        type: one of :data:`KIND_OF`.
        column: its rows.
        exact: keep every number, as for a window that is compared and thrown away.

    Raises:
        MonitoringError: when the column cannot be read as that type.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if type not in KIND_OF:
        raise MonitoringError(f"column {name!r} has type {type!r}.", valid=KIND_OF)
    rows, kind = len(column), KIND_OF[type]
    if kind == "time":
        return ColumnSketch(name, type, rows, column.null_count)
    if kind == "category":
        found = Categories.of(column)
        return ColumnSketch(name, type, rows, rows - found.n, categories=found if exact else found.compact())
    try:
        values = pc.cast(column, pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise MonitoringError(f"column {name!r} should hold numbers, found {column.type}.", do="Send numbers.") from None
    numbers = Numbers.of(
        values.to_numpy(zero_copy_only=False) if isinstance(values, pa.Array) else values.to_numpy(), integer=type == "int64"
    )
    return ColumnSketch(name, type, rows, rows - numbers.n, numbers=numbers if exact else numbers.compact())


def sketch_table(table: pa.Table, features: Sequence[tuple[str, str]], *, exact: bool = False) -> tuple[ColumnSketch, ...]:
    """Sketches of the ``(name, type)`` columns of a table, in that order; absent columns are left out."""
    present = set(table.column_names)
    return tuple(sketch_column(name, type, table.column(name), exact=exact) for name, type in features if name in present)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _numbers(body: Mapping[str, Any]) -> Numbers:
    import numpy as np

    return Numbers(
        np.asarray(body["values"], float),
        np.asarray(body["counts"], float) if body["n"] else None,
        None if body["between"] is None else np.asarray(body["between"], float),
        body["n"],
        body["low"],
        body["high"],
        body["mean"],
        body["sd"],
        body["distinct"],
        body["integer"],
    )
