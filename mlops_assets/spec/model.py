"""`Model`: one supervised model and its whole life."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from mlops_assets.spec.base import Name, Spec
from mlops_assets.spec.columns import Scalar
from mlops_assets.spec.dataset import Partitions
from mlops_assets.spec.durations import Duration
from mlops_assets.spec.gates import Gate, default_gate
from mlops_assets.spec.metrics import MAIN_METRIC
from mlops_assets.spec.monitor import Monitor
from mlops_assets.spec.retrain import Retrain
from mlops_assets.spec.rollout import Rollout
from mlops_assets.spec.tasks import Task
from mlops_assets.spec.training import Examples, Label, Training


class Score(Spec):
    """Batch predictions of the champion."""

    schedule: str = Field("daily", description="Cron, or hourly, daily, weekly, monthly.")


class Model(Spec):
    """A supervised model: what it learns from, what it must show, how it goes live and how it is watched."""

    name: Name = Field(description="Name of the model; its assets are `name/model`, `name/evaluation` and so on.")
    description: str = Field("", description="The question that it answers.")
    owner: str | None = Field(None, description="`team:NAME` or an e-mail address.")
    tags: dict[str, str] = Field(default_factory=dict, description="Free tags, shown in the catalogue.")
    intended_use: str | None = Field(None, description="What it is for and what it is not for; stands in the model card.")
    risk: Literal["minimal", "limited", "high"] | None = Field(None, description="Risk class; stands in the model card.")
    task: Task = Field(description="What kind of target it predicts.")
    positive: Scalar | None = Field(None, description="Which value of a binary target counts as positive; default: true or 1.")
    partitions: Partitions | None = Field(None, description="Calendar of as-of times; default: that of its data.")

    examples: Examples | None = Field(None, description="The simple form: a table that carries its target.")
    entity: tuple[str, ...] = Field((), description="Key column or columns of what is scored.")
    population: str | None = Field(None, description="Query of who is scored at $as_of; default: the entities that have features.")
    features: tuple[str, ...] = Field((), description="`view.*` or `view.column`; an entity without a row has missing values.")
    label: Label | None = Field(None, description="The full form: a query over what came after the as-of time.")

    training: Training = Field(Training(), description="Window, split, weights, estimator.")
    gates: tuple[Gate, ...] = Field((), description="Gates beside the default ones.")
    approvals: dict[Literal["dev", "test", "prod"], int] = Field(
        default_factory=dict, description="How many distinct people must approve; default: the environment's setting."
    )
    score: Score | None = Field(None, description="Batch predictions; absent: none.")
    rollout: Rollout = Field(Rollout(), description="How a new version takes over traffic.")
    monitor: Monitor = Field(Monitor(), description="What is watched.")
    retrain: Retrain | None = Field(None, description="When it is trained again; absent: by hand only.")
    retire_after: Duration | None = Field(None, description="Propose retirement after this long without traffic.")

    @field_validator("entity", mode="before", json_schema_input_type=str | tuple[str, ...])
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_form(self) -> Model:
        full = bool(self.features) or self.label is not None
        if (self.examples is not None) == full:
            raise ValueError("give either examples (a table with its target), or features and label")
        if full:
            missing = [field for field in ("entity", "features", "label") if not getattr(self, field)]
            if missing:
                raise ValueError(f"features with a label also need {' and '.join(missing)}")
        if self.positive is not None and self.task != "binary_classification":
            raise ValueError(f"positive is for binary_classification, not {self.task}")
        if self.task == "forecasting":
            raise ValueError("forecasting is not available yet; regression on dated examples is")
        return self

    @property
    def main_metric(self) -> str:
        """The metric that tuning, robustness and the champion gate use unless the spec names another."""
        return MAIN_METRIC[self.task]

    def default_gate(self, name: str) -> Gate:
        """Settings of a default gate: the spec's own where it changes it, else the plain one."""
        return default_gate(self.gates, name)
