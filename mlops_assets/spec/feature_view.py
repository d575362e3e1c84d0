"""`FeatureView`: what is known about an entity at an as-of time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mlops_assets.spec.base import FunctionRef, Name, OneOrMany, Spec, Sql, Texts
from mlops_assets.spec.columns import Column
from mlops_assets.spec.dataset import Partitions
from mlops_assets.spec.decides import Decides
from mlops_assets.spec.durations import Duration

_ASSET = Decides("features")
"""All of it: a view has no other asset."""


class Online(Spec):
    """Publication of the newest row per entity for look-up at prediction time."""

    max_age: Duration | None = Field(None, description="Older features are refused or warned about.")
    on_stale: Literal["refuse", "warn"] = Field("refuse", description="What a request gets whose features are too old.")


class FeatureView(Spec):
    """One row per entity and as-of time, computed from rows that were available before that time."""

    name: Annotated[Name, _ASSET] = Field(description="Name of the asset; its columns are referred to as `name.column`.")
    description: Annotated[str, _ASSET] = Field("", description="What the features say.")
    owner: Annotated[str | None, _ASSET] = Field(None, description="`team:NAME` or an e-mail address.")
    tags: Annotated[dict[str, str], _ASSET] = Field(default_factory=dict, description="Free tags, shown in the catalogue.")
    entity: Annotated[Texts, _ASSET] = Field(description="Key column or columns of the entity.")
    from_: Annotated[tuple[Name, ...], Field(min_length=1), OneOrMany, _ASSET] = Field(
        alias="from", description="Data sets that the query reads."
    )
    lookback: Annotated[Duration, _ASSET] = Field(description="How far back the query sees events: whole periods of the calendar.")
    recompute: Annotated[Duration | None, _ASSET] = Field(
        None, description="How far back a corrected input partition re-computes features."
    )
    partitions: Annotated[Partitions | None, _ASSET] = Field(None, description="Calendar of as-of times; default: that of the data sets.")
    online: Annotated[Online | None, _ASSET] = Field(None, description="Publish for look-up at prediction time; absent: not published.")
    sql: Annotated[Sql | None, _ASSET] = Field(
        None,
        description="DuckDB query; sees rows with available_at < $as_of and event_time in the lookback. It runs in UTC; local_date(t) and "
        "local_time(t) are day and time on the clock of the calendar's zone.",
    )
    python: Annotated[FunctionRef | None, _ASSET] = Field(None, description="Function `(tables, as_of) -> DataFrame` in place of sql.")
    columns: Annotated[dict[str, Column], _ASSET] = Field(
        default_factory=dict, description="Declared feature columns; the rest is inferred and pinned."
    )

    @model_validator(mode="after")
    def _one_body(self) -> FeatureView:
        if (self.sql is None) == (self.python is None):
            raise ValueError("give exactly one of sql and python")
        if decimals := [name for name, column in self.columns.items() if column.type == "decimal"]:
            raise ValueError(f"{decimals[0]} is a decimal, but a feature is a float64: declare it so")
        return self
