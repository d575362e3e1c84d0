"""Columns of a data set: what is valid in them, and what is known about them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from mlops_assets.spec.base import Spec, Texts
from mlops_assets.spec.decides import WhenSet
from mlops_assets.spec.scalars import Scalar, WrittenFloat, WrittenInt, as_text, plain

ColumnType = Literal["int64", "float64", "decimal", "string", "category", "bool", "datetime", "date"]
NUMBERS: tuple[ColumnType, ...] = ("int64", "float64", "decimal")
EPOCHS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
"""Formats of times that are numbers: how many of them a second has, counted from 1970-01-01T00:00:00Z."""
TEXTS: tuple[ColumnType, ...] = ("string", "category")


def exact_bound(value: Any) -> Any:
    """A number as a float where that says the same, else as an int or a decimal; anything else passes through unchanged.

    Raises:
        ValueError: for what is no finite number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return value
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is no number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is no finite number")
    whole = number == number.to_integral_value()
    nearest = float(number)
    if isinstance(value, float) or number == (Decimal(nearest) if whole else Decimal(repr(nearest))):
        return nearest
    return int(number) if whole else number


Bound = Annotated[float | int | Decimal | None, BeforeValidator(exact_bound, json_schema_input_type=float | str | None)]
"""A limit of numbers. It is compared exactly: digits that a float would lose are kept, of decimals and of large whole numbers."""


class Column(Spec):
    """What a column holds. A row that breaks a rule is blocked or quarantined, with the rule named."""

    type: ColumnType = Field(description="Type after reading. Text such as yes/no, true/false, 1/0 becomes bool.")
    description: str = Field("", description="What the column means; shown in the catalogue and the model card.")
    nullable: bool = Field(False, description="Whether a missing value is valid.")
    unique: bool = Field(False, description="Whether a value may occur once only within a partition.")
    ge: Bound = Field(None, description="Smallest valid value, included.")
    le: Bound = Field(None, description="Largest valid value, included.")
    gt: Bound = Field(None, description="Values must be greater than this.")
    lt: Bound = Field(None, description="Values must be less than this.")
    one_of: tuple[Scalar, ...] | None = Field(None, description="The only valid values.")
    matches: str | None = Field(None, description="Regular expression that the whole text must match.")
    missing: tuple[Scalar, ...] = Field((), description="Values that mean missing, such as '?', 999 or inf; read as null.")
    format: str | None = Field(
        None, description="strptime format of a datetime or date column that is stored as text, or epoch_s, epoch_ms, epoch_us for numbers."
    )
    pii: bool = Field(False, description="Personal data: never a feature, never shown in metadata or reports.")
    known: Literal["before", "after"] = Field("before", description="`after`: known only after the fact; no model may use it as a feature.")

    @model_validator(mode="before")
    @classmethod
    def _values_as_the_type_has_them(cls, data: Any) -> Any:
        """Among text a value is what is written; among numbers, dates and booleans what YAML reads."""
        if not isinstance(data, dict) or not isinstance(data.get("type"), str):
            return data
        kind, changed = data["type"], dict(data)
        for key, change in (("one_of", _valid_in(kind)), ("missing", _missing_in(kind))):
            if isinstance(data.get(key), list | tuple):
                changed[key] = [change(value) for value in data[key]]
                if kind in TEXTS and any(isinstance(value, bool) for value in changed[key]):
                    raise ValueError(f"{key} has True or False among text; write the text itself, such as 'yes'")
        return changed

    @model_validator(mode="after")
    def _bounds_fit_the_type(self) -> Column:
        numeric = self.type in NUMBERS
        if not numeric and any(bound is not None for bound in (self.ge, self.le, self.gt, self.lt)):
            raise ValueError(f"ge, le, gt and lt need a number, but the column is {self.type}")
        if self.matches is not None and self.type not in ("string", "category"):
            raise ValueError(f"matches needs text, but the column is {self.type}")
        if self.format is not None and self.type not in ("datetime", "date"):
            raise ValueError(f"format needs a datetime or a date, but the column is {self.type}")
        return self


def _valid_in(kind: str) -> Callable[[Any], Any]:
    """How a value of `one_of` is compared with values of this type."""
    if kind in TEXTS:
        return as_text
    if kind == "decimal":
        return _with_its_digits
    return plain


def _missing_in(kind: str) -> Callable[[Any], Any]:
    """How a value of `missing` is compared: sources of any type may hold text, and no number is written as a word."""
    return (lambda value: plain(as_text(value))) if kind in ("int64", "float64") else as_text


def _with_its_digits(value: Any) -> Any:
    return value if isinstance(value, WrittenInt | WrittenFloat) else plain(value)


class SourceColumn(Column):
    """A column of a source: how its values are written there, and in which part of history it is there."""

    scale: Annotated[int | None, WhenSet()] = Field(
        None, ge=0, le=38, description="Digits after the point that a decimal keeps, of 38 in all; default: as many as the first read has."
    )
    decimal: Annotated[Literal[".", ","], WhenSet()] = Field(".", description="Decimal mark of numbers that are stored as text.")
    thousands: Annotated[str | None, WhenSet()] = Field(
        None, min_length=1, max_length=1, description="Mark between groups of three digits of numbers that are stored as text."
    )
    finite: Annotated[bool, WhenSet()] = Field(False, description="Whether an infinite number breaks a rule; none may reach a model.")
    was: Annotated[Texts, WhenSet()] = Field((), description="Earlier names: where the source has one of them instead, it is read as this.")
    since: Annotated[date | None, WhenSet()] = Field(
        None, description="First day on which the source has it; partitions that end by then have nulls."
    )
    until: Annotated[date | None, WhenSet()] = Field(
        None, description="First day on which the source does not have it any more; partitions from then on have nulls."
    )

    @model_validator(mode="after")
    def _says_how_numbers_are_written(self) -> SourceColumn:
        numeric = self.type in NUMBERS
        if self.scale is not None and self.type != "decimal":
            raise ValueError(f"scale is for decimals, but the column is {self.type}")
        if self.finite and self.type != "float64":
            raise ValueError(f"finite is for floats, but the column is {self.type}")
        if not numeric and (self.decimal != "." or self.thousands):
            raise ValueError(f"decimal and thousands need a number, but the column is {self.type}")
        if self.thousands is not None and (self.thousands == self.decimal or self.thousands in "+-0123456789eE"):
            raise ValueError(f"thousands cannot be {self.thousands!r}, which means something else in a number")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError(f"since {self.since} must lie before until {self.until}")
        return self
