"""What a gate may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.gates.machine import THIS, Machine

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np

    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.evaluation import Evaluation
    from mlops_assets.modeling.holdout import Holdout
    from mlops_assets.spec.model import Model

MIN_N = 50
"""Effective rows under which a gate on the whole holdout is inconclusive, unless it says `min_n`."""
MIN_SLICE_N = 30
"""The same for one slice or group."""

Retrain = Callable[["TrainingSet", Path], Any]
"""Trains on a training set into a folder; what it returns scores a frame with ``predict``."""


@dataclass(frozen=True)
class GateContext:
    """Everything that a gate may look at.

    Attributes:
        model: the declaration.
        bundle: the candidate.
        training_set: what it learned from and is judged on.
        evaluation: its evaluation, which Python gates get; None measures it when it is asked for.
        champion: the model that serves; None where there is none.
        folder: folder of the defs.yaml, against which `.module:function` is resolved.
        seed: seed of everything random.
        as_of: when the model is as of (UTC); labels final only after it are immature. None where undated.
        retrain: trains the model anew, for the score on shuffled labels; default: the model's own training without search.
        machine: clocks and the reference work, for latency.
    """

    model: Model
    bundle: Bundle
    training_set: TrainingSet
    evaluation: Evaluation | None
    champion: Bundle | None
    folder: Path
    seed: int
    as_of: datetime | None = None
    retrain: Retrain | None = None
    machine: Machine = THIS

    @cached_property
    def holdout(self) -> Holdout:
        """The judged rows with all predictions on them."""
        from mlops_assets.modeling.holdout import build_holdout

        return build_holdout(self.model.task, self.bundle, self.training_set, self.champion)

    @cached_property
    def measured(self) -> Evaluation:
        """The evaluation of these rows."""
        from mlops_assets.modeling.measuring import evaluate_holdout

        if self.evaluation is not None:
            return self.evaluation
        return evaluate_holdout(self.model, self.holdout, self.bundle, self.champion, self.training_set.manifest.digest, seed=self.seed)

    def random(self) -> np.random.Generator:
        """A fresh generator from the seed."""
        import numpy as np

        return np.random.default_rng(self.seed)
