"""Cells of any plain type as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.data.schema.arrays import attempt, is_text
from mlops_assets.data.schema.cells import Misfit, read_cells
from mlops_assets.data.schema.numeric import EXACT, without_nan
from mlops_assets.data.schema.problems import Problems, refuse

if TYPE_CHECKING:
    import pyarrow as pa

_RULE = "type string"
_EXPONENT_FROM = 1e6
"""Below this Arrow writes whole floats without a point and without an exponent, as is wanted, but for the sign of -0."""


def to_text(values: pa.ChunkedArray, problems: Problems) -> pa.ChunkedArray:
    """Text of any plain value: decimals with all their digits, dates and times as ISO 8601, true and false.

    A whole float below 2**53 has no point, since a missing value makes floats of integers; any other has its shortest text.
    """
    import pyarrow as pa

    kind, wanted = values.type, pa.string()
    if is_text(kind):
        return values
    if pa.types.is_floating(kind):
        return _text_of_floats(without_nan(values))
    if pa.types.is_decimal(kind):
        return _text_of_decimals(values)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return read_cells(
            values.cast(pa.large_binary()), wanted, whole=lambda part: attempt(part, wanted), cell=_decoded, problems=problems
        )
    done = attempt(values, wanted)
    return refuse(values, wanted, _RULE, problems) if done is None else done


def _text_of_floats(values: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    size = pc.abs(values)
    negative_zero = pc.and_(pc.equal(values, 0.0), pc.less(pc.divide(1.0, values), 0.0))
    largest = pc.max(size).as_py()
    if (largest is None or largest < _EXPONENT_FROM) and not pc.any(negative_zero).as_py():
        return values.cast(pa.string())
    plain = pc.and_(pc.equal(values, pc.floor(values)), pc.less(size, float(EXACT)))
    if pc.all(plain).as_py():
        return values.cast(pa.int64()).cast(pa.string())
    differs = pc.or_(negative_zero, pc.and_(plain, pc.greater_equal(size, _EXPONENT_FROM)))
    return pc.coalesce(pc.if_else(differs, values, None).cast(pa.int64()).cast(pa.string()), values.cast(pa.string()))


def _text_of_decimals(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without an exponent, which Arrow writes where many digits after the point are zeros."""
    import pyarrow as pa
    import pyarrow.compute as pc

    done = values.cast(pa.string())
    if not pc.any(pc.match_substring(done, "E")).as_py():
        return done
    return pa.chunked_array([[None if value is None else f"{value:f}" for value in values.to_pylist()]], pa.string())


def _decoded(value: Any) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        raise Misfit(_RULE) from None
