"""Cells as whole numbers, floats and decimals: exactly, or not at all.

The number of a cell is what its source says: of text what is written, of a float the number that it is (its shortest text where a decimal
is wanted). Nothing is rounded but a fraction or an exponent that is read as float64: that is the nearest one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mlops_assets.data.schema.arrays import attempt, encoded, is_text
from mlops_assets.data.schema.arrow_types import PRECISION, arrow_type, decimal_kind
from mlops_assets.data.schema.cells import Misfit, read_cells
from mlops_assets.data.schema.number_text import NUMBER, has_letters, with_plain_marks, written_number
from mlops_assets.data.schema.problems import Problems, refuse

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.columns import Column

EXACT = 2**53
"""Every whole number below this is a float64."""

_EXACT_POWER = 22
"""The largest power of ten that is a float64 has so many zeros."""

_INTEGER = "type int64"
_FLOAT = "type float64"
TOO_LARGE = f"{_INTEGER}: beyond 64 bits; declare decimal or string"
INEXACT = f"{_FLOAT}: more digits than float64 keeps; declare decimal or string"
BEYOND_FLOATS = f"{_FLOAT}: beyond its range"


def to_integer(values: pa.ChunkedArray, column: Column | None, problems: Problems) -> pa.ChunkedArray:
    """Whole numbers of 64 bits. ``7.0``, ``+7`` and the float 7.0 are 7; NaN and an empty text are missing; ``7e0`` is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.int64()
    if is_text(values.type):
        values = with_plain_marks(values, column)
        if (done := _plain_integers(values)) is not None:
            return done
        plain = pc.replace_substring_regex(values, r"^(?:\+|(-))?([0-9]+)(?:\.0*)?$", r"\1\2")
        plain = pc.if_else(pc.match_substring_regex(plain, "^(?:[+-]?(?i:nan))?$"), None, plain)
        return read_cells(plain, wanted, whole=_plain_integers, cell=_integer_of_text, problems=problems)
    if not is_number(values.type):
        return refuse(values, wanted, _INTEGER, problems)
    if (done := attempt(values, wanted)) is not None:
        return done
    return read_cells(without_nan(values), wanted, whole=lambda part: attempt(part, wanted), cell=_integer, problems=problems)


def to_float(values: pa.ChunkedArray, column: Column | None, problems: Problems) -> pa.ChunkedArray:
    """Floats of 64 bits: of a fraction the nearest one, of a whole number itself. NaN and an empty text are missing, ``inf`` is a value."""
    import pyarrow as pa

    kind, wanted = values.type, pa.float64()
    if is_text(kind):
        return read_cells(with_plain_marks(values, column), wanted, whole=_plain_floats, cell=_float_of_text, problems=problems)
    if not is_number(kind):
        return refuse(values, wanted, _FLOAT, problems)
    if pa.types.is_floating(kind):
        return without_nan(values.cast(wanted))
    if pa.types.is_boolean(kind):
        return values.cast(pa.int8()).cast(wanted)
    whole = _decimal_floats if pa.types.is_decimal(kind) else lambda part: attempt(part, wanted)
    return read_cells(values, wanted, whole=whole, cell=_float, problems=problems)


def to_decimal(values: pa.ChunkedArray, scale: int, column: Column | None, problems: Problems) -> pa.ChunkedArray:
    """Decimals with ``scale`` digits after the point, all digits kept; of a float those of its shortest text."""
    import pyarrow as pa

    kind = decimal_kind(scale)
    rule, wanted = f"type {kind}", arrow_type(kind)
    if not (is_text(values.type) or is_number(values.type)):
        return refuse(values, wanted, rule, problems)
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    if pa.types.is_floating(values.type):
        values = without_nan(values).cast(pa.string())
    elif is_text(values.type):
        values = with_plain_marks(values, column)

    def whole(part: pa.ChunkedArray) -> pa.ChunkedArray | None:
        return _plain_decimals(part, scale) if is_text(part.type) else _wide_enough(part, scale)

    def cell(value: Any) -> Decimal | None:
        number = _number(value, rule)
        return None if number is None else _with_scale(number, scale, rule)

    return read_cells(values, wanted, whole=whole, cell=cell, problems=problems)


def nearest_floats(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decimals as the nearest floats, where that is asked for: whole ones too. Arrow's own cast misses many by their last digit."""
    import pyarrow as pa

    quick = _by_division(values)
    return quick if quick is not None else values.cast(pa.string()).cast(pa.float64())


def is_number(kind: pa.DataType) -> bool:
    """Whether values of this type are numbers; true and false count as 1 and 0."""
    import pyarrow as pa

    t = pa.types
    return bool(t.is_integer(kind) or t.is_floating(kind) or t.is_decimal(kind) or t.is_boolean(kind))


def without_nan(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Floats with NaN as null; other types as they are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(values.type):
        return values
    absent = pc.is_nan(values)
    return pc.if_else(absent, None, values) if pc.any(absent).as_py() else values


def exact(value: Any) -> Decimal | None:
    """The number that a Python value or a text says exactly; None for what is no number.

    A float is its shortest text, as a person has written it.
    """
    if isinstance(value, float):
        value = repr(value)
    try:
        return _number(value, "")
    except Misfit:
        return None


def _plain_integers(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Text of digits alone; Arrow would read ``0x1F`` too."""
    import pyarrow as pa

    done = attempt(values, pa.int64())
    return None if done is None or has_letters(values) else done


def _plain_floats(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Text of floats. What is as large as the first whole number that is none is read by the rule, and so are infinities and NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    done = attempt(values, pa.float64())
    if done is None:
        return None
    if all(_is_small(chunk) for chunk in done.chunks):
        return done
    odd = pc.invert(pc.less(pc.abs(done), float(EXACT)))
    texts = encoded(values.filter(odd))
    try:
        read = pa.array([_float_of_text(text) for text in texts.dictionary.to_pylist()], pa.float64())
    except Misfit:
        return None
    mask = pc.fill_null(odd, False).combine_chunks()
    return pa.chunked_array([pc.replace_with_mask(done.combine_chunks(), mask, read.take(texts.indices))])


def _is_small(floats: pa.Array) -> bool:
    """Whether all floats that are there are below :data:`EXACT`, none of them NaN."""
    import pyarrow.compute as pc

    if floats.null_count:
        return pc.all(pc.less(pc.abs(floats), float(EXACT))).as_py() is not False
    numbers = floats.to_numpy()
    return not len(numbers) or bool(numbers.max() < EXACT and numbers.min() > -EXACT)


def _decimal_floats(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Decimals as floats; None where a whole one may not be one."""
    import pyarrow.compute as pc

    done = nearest_floats(values)
    return done if pc.all(pc.less(pc.abs(done), float(EXACT))).as_py() is not False else None


def _plain_decimals(values: pa.ChunkedArray, scale: int) -> pa.ChunkedArray | None:
    """Text without exponents. Arrow does not notice what is too large for its decimals, so that there must be room for all of the text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    longest = pc.max(pc.binary_length(values)).as_py() or 0
    if longest > PRECISION or has_letters(values):
        return None
    if longest + scale <= PRECISION:
        return attempt(values, pa.decimal128(PRECISION, scale))
    wider = attempt(values, pa.decimal256(2 * PRECISION, scale))
    return None if wider is None else attempt(wider, pa.decimal128(PRECISION, scale))


def _wide_enough(values: pa.ChunkedArray, scale: int) -> pa.ChunkedArray | None:
    """Whole numbers and decimals of types in which the result has room; others are read one by one."""
    import pyarrow as pa

    kind, wanted = values.type, pa.decimal128(PRECISION, scale)
    if pa.types.is_decimal128(kind) and kind.precision - kind.scale + scale > PRECISION:
        wider = attempt(values, pa.decimal256(2 * PRECISION, max(scale, kind.scale)))
        return None if wider is None else attempt(wider, wanted)
    return attempt(values, wanted) if not pa.types.is_decimal256(kind) else None


def _by_division(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Decimals as the last digits' count over a power of ten: where both are floats, their quotient is the nearest one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if not (pa.types.is_decimal128(kind) and 0 <= kind.scale <= _EXACT_POWER):
        return None
    whole = pa.decimal128(PRECISION, 0)
    counts = pa.chunked_array([_counted(chunk) for chunk in values.chunks], whole).cast(pa.float64(), safe=False)
    small = pc.all(pc.less(pc.abs(counts), EXACT / 2)).as_py() is not False
    return pc.divide(counts, 10.0**kind.scale) if small else None


def _counted(values: pa.Array) -> pa.Array:
    """Decimals as whole numbers of their last digit, without a copy."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.decimal128(PRECISION, 0), len(values), values.buffers(), offset=values.offset)


def _number(value: Any, rule: str) -> Decimal | None:
    if isinstance(value, str):
        try:
            return written_number(value)
        except Misfit:
            raise Misfit(rule) from None
    return Decimal(value)


def _integer_of_text(text: str) -> int | None:
    if (matched := NUMBER.fullmatch(text)) is not None and matched["exponent"]:
        raise Misfit(_INTEGER)
    number = _number(text, _INTEGER)
    return None if number is None else _integer(number)


def _integer(value: int | float | Decimal) -> int:
    number = Decimal(value)
    if not (number.is_finite() and _is_whole(number)):
        raise Misfit(_INTEGER)
    if number.adjusted() > PRECISION or not -(2**63) <= number < 2**63:
        raise Misfit(TOO_LARGE)
    return int(number)


def _float_of_text(text: str) -> float | None:
    number = _number(text, _FLOAT)
    if number is None:
        return None
    found = float(text)
    if not number.is_finite():
        return found
    if found in (float("inf"), float("-inf")):
        raise Misfit(BEYOND_FLOATS)
    matched = NUMBER.fullmatch(text)
    plain = matched is not None and not matched["exponent"]
    if plain and abs(found) >= EXACT and _is_whole(number) and Decimal(found) != number:
        raise Misfit(INEXACT)
    return found


def _float(value: int | Decimal) -> float:
    number = Decimal(value)
    found = float(number)
    if abs(found) >= EXACT and _is_whole(number) and Decimal(found) != number:
        raise Misfit(INEXACT)
    return found


def _is_whole(number: Decimal) -> bool:
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    return exponent >= 0 or not any(digits[exponent:])


def _with_scale(number: Decimal, scale: int, rule: str) -> Decimal:
    if not number.is_finite():
        raise Misfit(rule)
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if not any(digits):
        return Decimal(0)
    if number.adjusted() + scale >= PRECISION:
        raise Misfit(f"{rule}: more than {PRECISION} digits")
    beyond = -(exponent + scale)
    if beyond > 0 and (beyond >= len(digits) or any(digits[-beyond:])):
        raise Misfit(f"{rule}: more than {scale} digits after the point")
    kept = digits[:-beyond] if beyond > 0 else digits
    return Decimal((sign, kept, exponent + max(beyond, 0)))
