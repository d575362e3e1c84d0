"""Estimators: what learns.

:data:`ESTIMATORS` is the table of all kinds that there are. A kind is its row and its key of :class:`Estimator` here, and its module in
``modeling/estimators``, which trains, saves and loads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import Field, field_validator, model_validator

from mlops_assets.spec.base import FunctionRef, Spec
from mlops_assets.spec.lightgbm_parameters import parameter_mistakes
from mlops_assets.spec.parameters import ParameterMistake


def _nothing_known(declared: Any, tuned: Iterable[str], task: str) -> Iterator[ParameterMistake]:
    yield from ()


@dataclass(frozen=True)
class EstimatorRow:
    """One kind of estimator.

    Attributes:
        name: its key, and its module in ``modeling/estimators``.
        shown_as: what Dagster's pages call it.
        mistakes: what is wrong with what is declared under its key, and with the names that a search is to tune, for a task. Kinds that
            can tell only by importing the estimator refuse when it is built.
    """

    name: str
    shown_as: str
    mistakes: Callable[[Any, Iterable[str], str], Iterator[ParameterMistake]] = _nothing_known


ESTIMATORS: tuple[EstimatorRow, ...] = (
    EstimatorRow("lightgbm", "lightgbm", parameter_mistakes),
    EstimatorRow("sklearn", "scikitlearn"),
    EstimatorRow("python", "python"),
)
"""Every kind of estimator."""

_ROWS = {row.name: row for row in ESTIMATORS}

ESTIMATOR_KINDS = tuple(_ROWS)


class SklearnStep(Spec):
    """One scikit-learn class by dotted name."""

    name: str = Field(pattern=r"^[A-Za-z_][\w.]*\.[A-Za-z_]\w*$", description="For example sklearn.linear_model.LogisticRegression.")
    params: dict[str, Any] = Field(default_factory=dict, description="Keyword arguments.")


class Estimator(Spec):
    """Exactly one of lightgbm, sklearn, python."""

    lightgbm: dict[str, Any] | None = Field(None, description="LightGBM parameters; `num_boost_round` is the number of trees.")
    sklearn: tuple[SklearnStep, ...] | None = Field(None, description="An estimator by dotted name, or a list: a pipeline.")
    python: FunctionRef | None = Field(None, description="Function that builds an estimator which saves and loads itself.")

    @field_validator("sklearn", mode="before", json_schema_input_type=str | SklearnStep | tuple[SklearnStep | str, ...] | None)
    @classmethod
    def _steps(cls, value: Any) -> Any:
        steps = value if isinstance(value, list | tuple) else [value]
        return None if value is None else [{"name": step} if isinstance(step, str) else step for step in steps]

    @model_validator(mode="after")
    def _exactly_one(self) -> Estimator:
        given = [kind for kind in ESTIMATOR_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(ESTIMATOR_KINDS)}; found {' and '.join(given) or 'none'}")
        return self

    @property
    def kind(self) -> str:
        """Which of :data:`ESTIMATOR_KINDS` it is."""
        return next(kind for kind in ESTIMATOR_KINDS if getattr(self, kind) is not None)

    @property
    def row(self) -> EstimatorRow:
        """Its row of :data:`ESTIMATORS`."""
        return _ROWS[self.kind]

    @property
    def declared(self) -> Any:
        """What stands under the key of its kind."""
        return getattr(self, self.kind)
