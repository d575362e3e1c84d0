"""`Model`: one supervised model and its whole life."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mlops_assets.spec.base import Name, Spec, Sql, Texts
from mlops_assets.spec.dataset import Partitions
from mlops_assets.spec.decides import Decides, DecidesNothing, EachDecides
from mlops_assets.spec.durations import Duration
from mlops_assets.spec.gates import Gate, default_gate
from mlops_assets.spec.metrics import MAIN_METRIC
from mlops_assets.spec.monitor import Monitor
from mlops_assets.spec.retrain import Retrain
from mlops_assets.spec.rollout import Rollout
from mlops_assets.spec.scalars import Scalar
from mlops_assets.spec.tasks import Task
from mlops_assets.spec.training import Examples, Label, Training

_SHOWN = DecidesNothing("Shown only.")


class Score(Spec):
    """Batch predictions of the champion."""

    schedule: str = Field("daily", description="Cron, or hourly, daily, weekly, monthly.")


class Model(Spec):
    """A supervised model: what it learns from, what it must show, how it goes live and how it is watched."""

    name: Annotated[
        Name, Decides("candidate", "challenger", "champion", "scores", "predictions", "outcomes", "data_quality", "drift", "performance")
    ] = Field(description="Name of the model; its assets are `name/model`, `name/evaluation` and so on.")
    description: Annotated[str, _SHOWN] = Field("", description="The question that it answers.")
    owner: Annotated[str | None, _SHOWN] = Field(None, description="`team:NAME` or an e-mail address.")
    tags: Annotated[dict[str, str], _SHOWN] = Field(default_factory=dict, description="Free tags, shown in the catalogue.")
    intended_use: Annotated[str | None, DecidesNothing("Stands in the model card.")] = Field(
        None, description="What it is for and what it is not for; stands in the model card."
    )
    risk: Annotated[
        Literal["minimal", "limited", "high"] | None, DecidesNothing("Stands in the model card, and says how long bundles are kept.")
    ] = Field(None, description="Risk class; stands in the model card.")
    task: Annotated[Task, Decides("training_set", "model", "evaluation", "scores", "outcomes", "performance")] = Field(
        description="What kind of target it predicts."
    )
    positive: Annotated[Scalar | None, Decides("training_set", "model", "evaluation")] = Field(
        None, description="Which value of a binary target counts as positive; default: true or 1."
    )
    partitions: Annotated[Partitions | None, Decides("training_set")] = Field(
        None, description="Calendar of as-of times; default: that of its data."
    )

    examples: Annotated[Examples | None, Decides("training_set", "scores", "predictions", "outcomes")] = Field(
        None, description="The simple form: a table that carries its target."
    )
    entity: Annotated[Texts, Decides("training_set", "scores", "predictions", "outcomes")] = Field(
        (), description="Key column or columns of what is scored."
    )
    population: Annotated[Sql | None, Decides("training_set", "scores")] = Field(
        None, description="Query of who is scored at $as_of; default: the entities that have features."
    )
    features: Annotated[tuple[str, ...], Decides("training_set", "scores")] = Field(
        (), description="`view.*` or `view.column`; an entity without a row has missing values."
    )
    label: Annotated[Label | None, Decides("training_set", "outcomes")] = Field(
        None, description="The full form: a query over what came after the as-of time."
    )

    training: Annotated[Training, EachDecides()] = Field(Training(), description="Window, split, weights, estimator.")
    gates: Annotated[tuple[Gate, ...], Decides("training_set", "evaluation")] = Field((), description="Gates beside the default ones.")
    approvals: Annotated[dict[Literal["dev", "test", "prod"], int], Decides("challenger", "champion")] = Field(
        default_factory=dict, description="How many distinct people must approve; default: the environment's setting."
    )
    score: Annotated[Score | None, DecidesNothing("Whether and when scores come, not what they are.")] = Field(
        None, description="Batch predictions; absent: none."
    )
    rollout: Annotated[Rollout, Decides("challenger", "champion")] = Field(Rollout(), description="How a new version takes over traffic.")
    monitor: Annotated[Monitor, Decides("data_quality", "drift", "performance")] = Field(Monitor(), description="What is watched.")
    retrain: Annotated[Retrain | None, DecidesNothing("When it is trained again, not what comes of it.")] = Field(
        None, description="When it is trained again; absent: by hand only."
    )
    retire_after: Annotated[Duration | None, DecidesNothing("When retirement is proposed; no asset is made of it.")] = Field(
        None, description="Propose retirement after this long without traffic."
    )

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
