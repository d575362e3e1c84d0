"""Values that a definition names, against the cells of a column: each in the column's own type, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mlops_assets.data.schema.arrays import is_text
from mlops_assets.data.schema.arrow_types import arrow_type
from mlops_assets.data.schema.numeric import exact
from mlops_assets.data.schema.problems import Problems

if TYPE_CHECKING:
    import pyarrow as pa

Convert = Callable[["pa.ChunkedArray", Problems], "pa.ChunkedArray"]


def without(values: pa.ChunkedArray, named: pa.Array) -> pa.ChunkedArray:
    """Values with those that are ``named`` as null."""
    import pyarrow.compute as pc

    return pc.if_else(pc.is_in(values, value_set=named), None, values) if len(named) else values


def as_written(named: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """Named values as a source of this type writes them; those that it cannot write are left out.

    Text is compared with text, and numbers with numbers: no column of bytes holds -999, and none of floats 2**53 + 1.
    """
    import pyarrow as pa

    if is_text(kind):
        return pa.array([str(value) for value in named], pa.string())
    numbers = [number for value in named if not isinstance(value, bool) and (number := exact(value)) is not None]
    return pa.array([fit for number in numbers if (fit := _as_number(number, kind)) is not None], kind if _holds_numbers(kind) else None)


def as_values(named: Iterable[Any], kind: str, convert: Convert) -> pa.Array:
    """Named values in the stored type of a column, by the rule that reads its cells; those that it cannot hold are left out.

    Only true and false themselves stand for values of a bool, since 0 may mean something else there.
    """
    import pyarrow as pa

    found: list[Any] = []
    for value in named:
        if isinstance(value, bool) != (kind == "bool"):
            continue
        problems = Problems()
        read = convert(pa.chunked_array([_alone(value)]), problems)
        if not problems.found:
            found += read.to_pylist()
    return pa.array([value for value in found if value is not None], arrow_type(kind))


def _alone(value: Any) -> pa.Array:
    """One value as an array; whole numbers beyond 64 bits as text, which every rule of numbers reads."""
    import pyarrow as pa

    return pa.array([str(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value])


def _holds_numbers(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _as_number(number: Decimal, kind: pa.DataType) -> Any:
    """The number as a value of the type, None where it has none. A fraction is the float that is nearest to it, as in the source."""
    import pyarrow as pa

    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        value = int(number) if pa.types.is_integer(kind) and number.is_finite() else number
        try:
            return value if number == value and pa.array([value], kind) is not None else None
        except (pa.ArrowInvalid, OverflowError):
            return None
    if pa.types.is_floating(kind):
        nearest: float = pa.array([float(number)], pa.float64()).cast(kind)[0].as_py()
        whole = number.is_finite() and number == number.to_integral_value()
        return nearest if not whole or number == nearest else None
    return None
