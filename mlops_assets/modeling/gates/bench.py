"""The bench on which a gate is proved: known-bad and good cases, made for one model's own settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.gates.context import GateContext
from mlops_assets.modeling.synthetic import CLASSES, World, make_bundle, make_set, prediction_columns, reading
from mlops_assets.spec.gates import Gate

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.spec.model import Model

    Array = np.ndarray[Any, np.dtype[Any]]

Case = Callable[[], GateContext]
"""Makes what a gate is fed."""
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
"""An as-of time for made-up rows."""
LEVELS = (1.0, 0.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5)
"""Shares of certain, correct predictions of the made-up models, the best and the worst first."""


@dataclass(frozen=True)
class Cases:
    """Named cases. With ``every`` each bad case must be refused; else they are attempts, of which one is enough."""

    bad: Sequence[tuple[str, Case]]
    good: Sequence[tuple[str, Case]]
    every: bool = False


@dataclass(frozen=True)
class Bench:
    """Makes the cases of one gate of one model."""

    model: Model
    gate: Gate
    folder: Path
    world: World = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "world", World.make(self.model.task))

    def context(self, bundle: Bundle, training_set: TrainingSet, champion: Bundle | None = None, **more: Any) -> GateContext:
        return GateContext(self.model, bundle, training_set, None, champion, self.folder, self.model.training.seed, **more)

    def claiming(self, right: Array | bool, *, columns: Any = None, world: World | None = None) -> GateContext:
        """A model whose certain predictions are correct where ``right`` says so."""
        return self.predicting((world or self.world).predictions((world or self.world).y_holdout, right), columns=columns, world=world)

    def predicting(self, prediction: Array, *, columns: Any = None, world: World | None = None, champion: bool = False) -> GateContext:
        """A model with these predictions; with ``champion`` beside one that is always right."""
        world = world or self.world
        perfect = world.predictions(world.y_train), world.predictions(world.y_holdout)
        score, features = reading(world.task, "p")
        both = {**(columns or {}), **prediction_columns("p", perfect[0], prediction), **prediction_columns("c", *perfect)}
        bundle = make_bundle(world.task, score, features)
        other = make_bundle(world.task, *reading(world.task, "c")) if champion else None
        return self.context(bundle, make_set(world, both), other)

    def knowing_nothing(self) -> Array:
        """Predictions around those of the naive model that have nothing to do with the outcome."""
        import numpy as np

        y = self.world.y_holdout
        random = np.random.default_rng(1)
        if self.model.task == "binary_classification":
            return random.uniform(0.4, 0.6, len(y))
        if self.model.task == "multiclass_classification":
            weight = random.uniform(0.8, 1.2, (len(y), len(CLASSES[self.model.task])))
            result: Array = weight / weight.sum(axis=1, keepdims=True)
            return result
        around: Array = y.mean() + random.normal(0, 0.5, len(y))
        return around

    def always_wrong(self) -> Array:
        """Predictions that are certain, and wrong for every row."""
        return self.world.predictions(self.world.y_holdout, False)

    def levels(self, inside: Array | None = None, columns: Any = None) -> list[tuple[str, Case]]:
        """Models that are right for a share of the rows ``inside`` (default: all), and right everywhere else."""
        import numpy as np

        inside = np.ones(len(self.world.y_holdout), bool) if inside is None else inside
        place = np.cumsum(inside) - 1
        period = 100 * max(1, len(CLASSES[self.model.task]))

        def at(share: float) -> Case:
            right = ~inside | (place // max(1, period // 100) % 100 < round(100 * share))
            return lambda: self.claiming(right, columns=columns)

        return [(f"a model that is right for {share:.0%} of the rows", at(share)) for share in LEVELS]
