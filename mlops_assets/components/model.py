"""`mlops_assets.Model`: one supervised model and its whole life."""

from __future__ import annotations

from mlops_assets import spec
from mlops_assets.components.base import DeclaredComponent
from mlops_assets.components.bodies.candidate import materialize_candidate
from mlops_assets.components.bodies.data_quality import materialize_data_quality
from mlops_assets.components.bodies.deployment import materialize_challenger, materialize_champion
from mlops_assets.components.bodies.drift import materialize_drift
from mlops_assets.components.bodies.evaluation import materialize_evaluation
from mlops_assets.components.bodies.model import materialize_model
from mlops_assets.components.bodies.outcomes import materialize_outcomes
from mlops_assets.components.bodies.performance import materialize_performance
from mlops_assets.components.bodies.predictions import materialize_predictions
from mlops_assets.components.bodies.scores import materialize_scores
from mlops_assets.components.bodies.training_set import materialize_training_set


class Model(DeclaredComponent):
    """A supervised model: what it learns from, what it must show, how it goes live and how it is watched."""

    spec_class = spec.Model
    bodies = {  # noqa: RUF012
        "training_set": materialize_training_set,
        "model": materialize_model,
        "evaluation": materialize_evaluation,
        "candidate": materialize_candidate,
        "challenger": materialize_challenger,
        "champion": materialize_champion,
        "scores": materialize_scores,
        "predictions": materialize_predictions,
        "outcomes": materialize_outcomes,
        "data_quality": materialize_data_quality,
        "drift": materialize_drift,
        "performance": materialize_performance,
    }
