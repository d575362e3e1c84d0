"""What a model learns from and how: examples or labels, window and holdout, estimator and search."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mlops_assets.spec.base import Name, OneOrMany, Share, Spec, Sql, Texts, parse_share
from mlops_assets.spec.decides import Decides, WhenSet
from mlops_assets.spec.durations import Duration
from mlops_assets.spec.estimators import Estimator
from mlops_assets.spec.scalars import Plain, Scalar


class Examples(Spec):
    """The simple form: a table in which every row is an example and carries its target."""

    from_: Name = Field(alias="from", description="Data set whose rows are the examples.")
    target: str = Field(description="Column to predict.")
    label_delay: Duration | None = Field(None, description="How long after its event time a row's target is known.")
    exclude: tuple[str, ...] = Field((), description="Columns that are not features.")
    include: tuple[str, ...] | None = Field(None, description="If given, only these columns are features.")


class Label(Spec):
    """The full form: a query over what came after the as-of time."""

    horizon: Duration = Field(description="The query sees rows with event_time in [$as_of, $as_of + horizon).")
    from_: Annotated[tuple[Name, ...], OneOrMany] | None = Field(
        None, alias="from", description="Data sets that the query reads; default: those that it names."
    )
    sql: Sql = Field(description="DuckDB query: the entity column or columns and exactly one more, the target.")
    default: Scalar | None = Field(None, description="Target of entities of the population that the query does not return.")


class HalfLife(Spec):
    """Examples count half as much every so long."""

    half_life: Duration = Field(description="Age at which an example counts half.")


class SearchRange(Spec):
    """What the search may try for one parameter: a range or a list of choices."""

    low: float | None = Field(None, description="Smallest value.")
    high: float | None = Field(None, description="Largest value.")
    log: bool = Field(False, description="Search on a logarithmic scale.")
    whole: bool = Field(False, description="Whole numbers only.")
    choices: tuple[Plain, ...] | None = Field(None, description="The values to choose from.")

    @model_validator(mode="after")
    def _range_or_choices(self) -> SearchRange:
        if self.choices is None and (self.low is None or self.high is None):
            raise ValueError("give low and high, or choices")
        if self.choices is None and self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class Tune(Spec):
    """A search for parameters on folds inside the training rows; the holdout is never touched."""

    trials: int = Field(20, ge=1, description="How many settings to try.")
    metric: str | None = Field(None, description="What to optimise; default: the task's main metric.")
    timeout: Duration | None = Field(None, description="Stop starting new trials after this long.")
    folds: int = Field(3, ge=2, description="Forward-chaining folds (dated data) or stratified folds.")
    space: dict[str, SearchRange] | None = Field(None, description="Ranges; default: a documented space for the estimator.")


_ROWS = Decides("training_set", "model", "evaluation")
"""Which rows are learned from and judged on, and what they weigh."""

_LEARNING = Decides("model", "evaluation")
"""What is made of them."""


class Training(Spec):
    """Window, split, weights, estimator."""

    every: Annotated[Duration | None, _ROWS] = Field(None, description="Distance between as-of snapshots; default: every period.")
    window: Annotated[Duration | Literal["expanding"], _ROWS] = Field("expanding", description="How much history, holdout included.")
    minimum: Annotated[Duration | None, _ROWS] = Field(
        None, description="Least history to train at all. Default: the window; expanding: twice the holdout."
    )
    holdout: Annotated[Duration | Share, _ROWS] = Field(
        0.2, description="Newest matured part kept for judging; a share where data is undated."
    )
    group_by: Annotated[Texts, _ROWS] = Field((), description="Columns whose values never stand on both sides of the split.")
    weights: Annotated[HalfLife | str, _ROWS] = Field(
        "none", description="none, balanced (by class; `calibrate` brings probabilities back), the name of a column, or {half_life: 60d}."
    )
    estimator: Annotated[Estimator, _LEARNING] = Field(Estimator(lightgbm={}), description="What learns.")
    calibrate: Annotated[Literal["auto", "isotonic", "sigmoid", "none"], _LEARNING, WhenSet()] = Field(
        "auto",
        description="Map from scores to probabilities, fitted on scores of training rows by models that did not see them: sigmoid, "
        "isotonic or none; auto: sigmoid where they show that it is needed. Classification only.",
    )
    tune: Annotated[Tune | None, _LEARNING] = Field(None, description="Search for parameters; absent: no search.")
    seed: Annotated[int, _LEARNING] = Field(7, ge=0, description="Seed of everything random.")

    @field_validator("window", mode="before", json_schema_input_type=str)
    @classmethod
    def _window(cls, value: Any) -> Any:
        return value if value == "expanding" or isinstance(value, Duration) else Duration.parse(str(value))

    @field_validator("holdout", mode="before", json_schema_input_type=float | str)
    @classmethod
    def _duration_or_share(cls, value: Any) -> Any:
        if isinstance(value, str):
            try:
                return parse_share(value)
            except ValueError:
                return Duration.parse(value)
        return value
