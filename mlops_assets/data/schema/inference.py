"""The kind of a column that nobody declared: the first one that fits every value of its first read."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Protocol

from mlops_assets.data.schema.arrow_types import column_type, decimal_kind, scale_of
from mlops_assets.data.schema.conversion import convert
from mlops_assets.data.schema.problems import Problems

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.columns import SourceColumn

WHATEVER = "float64"
"""Kind of a column without any value: if text comes later, that is a violation, not a guess."""

_OF_TEXT: tuple[str, ...] = ("int64", "float64", "bool", "date", "datetime", "string")
_OF_WRITTEN = {"number": ("int64", "float64", "string"), "boolean": ("bool", "string"), "text": ("date", "datetime", "string")}
_LEADING_ZERO = r"^[+-]?0[0-9]"
_DIGIT = r"[0-9]"
_WRITTEN_AS = {"bool": r"^(?i:true|false)$", "date": r"^[0-9]{4}-?[0-9]{2}-?[0-9]{2}$", "datetime": r"^[0-9]{4}-?[0-9]{2}-?[0-9]{2}"}
_SAMPLE = 1000


CODE = "no leading zero, which says that it is a code"
"""The rule of numbers that nobody declared: as a number a code would lose its zeros, and two codes might be one."""


class Inferred(Protocol):
    """A column whose kind is narrowed by the values that are seen; what it says then fits all of them."""

    @property
    def kind(self) -> str:
        """The kind that fits every value so far."""

    def see(self, values: pa.ChunkedArray, written: Collection[str]) -> pa.ChunkedArray | None:
        """Take more values; returns them in the kind if that was found out on the way.

        Args:
            values: as the source gives them.
            written: how they are written, where the format tells kinds of values apart: :class:`mlops_assets.data.sources.pieces.Piece`.

        Raises:
            ValueError: for values that no kind holds together with those before.
        """


class TextColumn:
    """A column of text: integers, numbers, booleans (true/false), ISO dates or times where every value is one, else text.

    Digits with leading zeros are codes, no numbers; and what is a number must have a digit somewhere.
    """

    def __init__(self, timezone: str) -> None:
        self._left = _OF_TEXT
        self._timezone = timezone
        self._seen = self._digits = False
        self._zones: set[bool] = set()

    @property
    def kind(self) -> str:
        """The kind that fits every value so far."""
        if not self._seen:
            return WHATEVER
        return "string" if self._left[0] == "float64" and not self._digits else self._left[0]

    def see(self, values: pa.ChunkedArray, written: Collection[str]) -> pa.ChunkedArray | None:
        """Take more values; returns them in the kind if that was found out on the way."""
        if values.null_count == len(values):
            return None
        if "nested" in written:
            raise ValueError("lists or objects")
        self._seen = True
        if written:
            allowed = _OF_WRITTEN.get(next(iter(written)), ("string",)) if len(written) == 1 else ("string",)
            self._left = tuple(kind for kind in self._left if kind in allowed)
        while self._left[0] != "string":
            if self._converted(values.slice(0, _SAMPLE)) is not None and (found := self._converted(values)) is not None:
                return found if self.kind == self._left[0] else None
            self._left = self._left[1:]
        return None

    def _converted(self, values: pa.ChunkedArray) -> pa.ChunkedArray | None:
        """Values in the first kind that is left; None where one does not fit."""
        import pyarrow.compute as pc

        kind = self._left[0]
        if kind in _WRITTEN_AS:
            if not pc.all(pc.match_substring_regex(values, _WRITTEN_AS[kind]), min_count=0).as_py():
                return None
        elif pc.any(leading_zero(values)).as_py():
            return None
        problems = Problems()
        found = convert(values, kind, column=None, timezone=self._timezone, problems=problems)
        self._zones |= problems.zones
        if problems.found or len(self._zones) > 1:
            return None
        if not self._digits and kind in ("int64", "float64"):
            self._digits = bool(pc.any(pc.match_substring_regex(values, _DIGIT)).as_py())
        return found


class TypedColumn:
    """A column whose values have types of their own, which may differ between files."""

    def __init__(self, *, key: bool) -> None:
        self._key = key
        self._kind: str | None = None
        self._beyond = False

    @property
    def kind(self) -> str:
        """The kind that holds every value so far."""
        if self._beyond and self._kind == "int64":
            return "string"
        return self._kind or WHATEVER

    def see(self, values: pa.ChunkedArray, written: Collection[str]) -> pa.ChunkedArray | None:
        """Take more values: keys that came as floats, as a missing value makes of integers, are integers; integers too big are text."""
        import pyarrow as pa
        import pyarrow.compute as pc

        kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
        if pa.types.is_null(kind):
            return None
        found: str | None = decimal_kind(max(0, kind.scale)) if pa.types.is_decimal(kind) else column_type(kind)
        if found is None:
            raise ValueError(str(kind))
        if self._key and pa.types.is_floating(kind) and not pc.any(pc.not_equal(values, pc.floor(values))).as_py():
            found = "int64"
        self._beyond |= pa.types.is_uint64(kind) and pc.any(pc.greater(values, pa.scalar(2**63 - 1, kind))).as_py() is True
        self._kind = found if self._kind is None else joined(self._kind, found)
        return None


class DecimalScale:
    """A declared decimal column whose digits after the point are as many as the first read has."""

    def __init__(self, column: SourceColumn) -> None:
        self._mark = column.decimal
        self._scale = 0

    @property
    def kind(self) -> str:
        """The decimal kind that keeps every digit so far."""
        return decimal_kind(min(38, self._scale))

    def see(self, values: pa.ChunkedArray, written: Collection[str]) -> pa.ChunkedArray | None:
        """Take more values."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_decimal(values.type):
            self._scale = max(self._scale, values.type.scale)
        elif pa.types.is_string(values.type) or pa.types.is_floating(values.type):
            mark = self._mark if pa.types.is_string(values.type) else "."
            texts = values.cast(pa.string())
            after = pc.extract_regex(texts, rf"[{mark}](?P<digits>[0-9]+)$")
            longest = pc.max(pc.utf8_length(pc.struct_field(after, "digits"))).as_py()
            self._scale = max(self._scale, longest or 0)
        return None


def leading_zero(values: pa.ChunkedArray) -> Any:
    """Which texts are digits that begin with a zero: a mask over the rows; none where the values are no text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(values.type):
        return pa.chunked_array([pa.nulls(len(values), pa.bool_())])
    return pc.match_substring_regex(values, _LEADING_ZERO)


def joined(one: str, other: str) -> str:
    """The kind that holds the values of two kinds without loss.

    Raises:
        ValueError: when there is none.
    """
    pair = {one, other}
    if len(pair) == 1:
        return one
    if pair == {"int64", "float64"}:
        return "float64"
    if pair == {"date", "datetime"}:
        return "datetime"
    scales = [scale for scale in map(scale_of, pair) if scale is not None]
    if len(scales) == 2 or (scales and "int64" in pair):
        return decimal_kind(max(scales))
    raise ValueError(f"{one} and {other}")
