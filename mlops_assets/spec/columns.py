"""Columns of a data set: what is valid in them, and what is known about them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mlops_assets.spec.base import Spec

ColumnType = Literal["int64", "float64", "string", "category", "bool", "datetime", "date"]
Scalar = bool | int | float | str


class Column(Spec):
    """What a column holds. A row that breaks a rule is blocked or quarantined, with the rule named."""

    type: ColumnType = Field(description="Type after reading. Text such as yes/no, true/false, 1/0 becomes bool.")
    description: str = Field("", description="What the column means; shown in the catalogue and the model card.")
    nullable: bool = Field(False, description="Whether a missing value is valid.")
    unique: bool = Field(False, description="Whether a value may occur once only within a partition.")
    ge: float | None = Field(None, description="Smallest valid value, included.")
    le: float | None = Field(None, description="Largest valid value, included.")
    gt: float | None = Field(None, description="Values must be greater than this.")
    lt: float | None = Field(None, description="Values must be less than this.")
    one_of: tuple[Scalar, ...] | None = Field(None, description="The only valid values.")
    matches: str | None = Field(None, description="Regular expression that the whole text must match.")
    missing: tuple[Scalar, ...] = Field((), description="Values that mean missing, such as '?' or 999; read as null.")
    format: str | None = Field(None, description="strptime format of a datetime or date column that is stored as text.")
    pii: bool = Field(False, description="Personal data: never a feature, never shown in metadata or reports.")
    known: Literal["before", "after"] = Field("before", description="`after`: known only after the fact; no model may use it as a feature.")

    @model_validator(mode="after")
    def _bounds_fit_the_type(self) -> Column:
        numeric = self.type in ("int64", "float64")
        if not numeric and any(bound is not None for bound in (self.ge, self.le, self.gt, self.lt)):
            raise ValueError(f"ge, le, gt and lt need a number, but the column is {self.type}")
        if self.matches is not None and self.type not in ("string", "category"):
            raise ValueError(f"matches needs text, but the column is {self.type}")
        if self.format is not None and self.type not in ("datetime", "date"):
            raise ValueError(f"format needs a datetime or a date, but the column is {self.type}")
        return self
