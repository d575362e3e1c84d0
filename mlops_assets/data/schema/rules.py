"""Declared columns as a pandera schema."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

from mlops_assets.data.schema.conversion import typed_scalars
from mlops_assets.data.schema.numeric import exact

if TYPE_CHECKING:
    import pandera.pandas as pandera

    from mlops_assets.spec.columns import Bound, ColumnType, SourceColumn
    from mlops_assets.spec.dataset import Dataset


def compile_schema(dataset: Dataset, names: Iterable[str]) -> pandera.DataFrameSchema:
    """The pandera schema of columns ``names``: the checks of each, and uniqueness of the primary key. Types are a matter of conversion."""
    import pandera.pandas as pandera

    columns = {}
    for name in names:
        column = dataset.columns.get(name)
        columns[name] = pandera.Column(
            checks=_checks(dataset, column) if column else [],
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


def _checks(dataset: Dataset, column: SourceColumn) -> list[Any]:
    import numpy as np
    import pandera.pandas as pandera

    checks: list[Any] = []
    bounds: dict[str, Bound] = {"ge": column.ge, "le": column.le, "gt": column.gt, "lt": column.lt}
    for name, bound in bounds.items():
        if bound is not None:
            checks.append(getattr(pandera.Check, name)(_limit(name, bound, column.type), title=f"{name} {_spelled(bound)}"))
    if column.one_of is not None:
        checks.append(pandera.Check.isin(_vocabulary(dataset, column), title=f"one of {', '.join(str(value) for value in column.one_of)}"))
    if column.matches is not None:
        pattern = column.matches
        checks.append(pandera.Check(lambda values: values.str.fullmatch(pattern), title=f"matches {pattern}", name="fullmatch"))
    if column.finite:
        checks.append(pandera.Check(lambda values: np.isfinite(values), title="finite", name="finite"))
    return checks


def _limit(name: str, bound: float | int | Decimal, kind: ColumnType) -> float | int | Decimal:
    """The bound as a value of the column's type that the same values pass, since another type is compared after rounding."""
    if kind == "decimal":
        return _number(bound)
    down = name in ("le", "gt")
    if kind == "int64":
        return int(_number(bound).to_integral_value(ROUND_FLOOR if down else ROUND_CEILING))
    nearest = float(bound)
    if isinstance(bound, float) or Decimal(nearest) == bound:
        return nearest
    if down:
        return nearest if Decimal(nearest) < bound else math.nextafter(nearest, -math.inf)
    return nearest if Decimal(nearest) > bound else math.nextafter(nearest, math.inf)


def _number(value: float | int | Decimal) -> Decimal:
    """What was written: of a float its shortest text."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _spelled(bound: float | int | Decimal) -> str:
    """A bound with all of its digits."""
    short = f"{bound:g}"
    if Decimal(short) == _number(bound):
        return short
    return str(int(bound)) if bound == int(bound) else str(bound)


def _vocabulary(dataset: Dataset, column: SourceColumn) -> list[Any]:
    """The valid values in the column's own type; those that it cannot hold are no values of it."""
    import pandas as pd

    values = column.one_of or ()
    if column.type == "decimal":
        return [number for value in values if not isinstance(value, bool) and (number := exact(value)) is not None]
    found = typed_scalars(values, column.type, column, dataset.timezone).to_pylist()
    return [pd.Timestamp(value) for value in found] if column.type in ("datetime", "date") else found
