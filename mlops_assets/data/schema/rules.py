"""Declared columns as a pandera schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandera.pandas as pandera

    from mlops_assets.spec.columns import Column
    from mlops_assets.spec.dataset import Dataset


def compile_schema(dataset: Dataset, names: Iterable[str]) -> pandera.DataFrameSchema:
    """The pandera schema of columns ``names``: the checks of each, and uniqueness of the primary key. Types are a matter of conversion."""
    import pandera.pandas as pandera

    columns = {}
    for name in names:
        column = dataset.columns.get(name)
        columns[name] = pandera.Column(
            checks=_checks(column) if column else [],
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


def _checks(column: Column) -> list[Any]:
    import pandera.pandas as pandera

    checks: list[Any] = []
    bounds = {"ge": column.ge, "le": column.le, "gt": column.gt, "lt": column.lt}
    for name, bound in bounds.items():
        if bound is not None:
            checks.append(getattr(pandera.Check, name)(bound, title=f"{name} {bound:g}"))
    if column.one_of is not None:
        checks.append(pandera.Check.isin(_vocabulary(column), title=f"one of {', '.join(str(value) for value in column.one_of)}"))
    if column.matches is not None:
        pattern = column.matches
        checks.append(pandera.Check(lambda values: values.str.fullmatch(pattern), title=f"matches {pattern}", name="fullmatch"))
    return checks


def _vocabulary(column: Column) -> list[Any]:
    import pandas as pd

    values = list(column.one_of or ())
    if column.type in ("string", "category"):
        return [str(value) for value in values]
    if column.type == "datetime":
        return [pd.Timestamp(str(value), tz="UTC") for value in values]
    if column.type == "date":
        return [pd.Timestamp(str(value)) for value in values]
    return values
