"""What a gate says, and what it may look at."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np

    from mlops_assets.data.training_set import TrainingSet
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.evaluation import Evaluation
    from mlops_assets.modeling.holdout import Holdout
    from mlops_assets.spec.gates import Gate
    from mlops_assets.spec.model import Model

Status = Literal["pass", "fail", "inconclusive", "not_applicable", "off"]
STATUSES: tuple[Status, ...] = ("fail", "inconclusive", "pass", "not_applicable", "off")
"""From the one that decides to the one that says least."""

MIN_N = 50
"""Effective rows under which a gate on the whole holdout is inconclusive, unless it says `min_n`."""
MIN_SLICE_N = 30
"""The same for one slice or group."""

Retrain = Callable[["TrainingSet", Path], Any]
"""Trains on a training set into a folder; what it returns scores a frame with ``predict``."""


@dataclass(frozen=True)
class GateResult:
    """Verdict of one gate.

    Attributes:
        name: name of the check.
        status: pass, fail, inconclusive (too little evidence, which blocks as well), not_applicable or off.
        observed: what was measured; None where there is nothing to measure.
        required: what would pass, in words.
        interval: confidence interval of ``observed``.
        n: rows it rests on.
        n_effective: independent rows that they are worth.
        detail: one sentence for a person.
        data: everything else worth keeping, plain JSON data.
    """

    name: str
    status: Status
    observed: float | None
    required: str
    interval: tuple[float, float] | None = None
    n: int = 0
    n_effective: float | None = None
    detail: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "name": self.name,
            "status": self.status,
            "observed": plain(self.observed),
            "required": self.required,
            "interval": plain(self.interval),
            "n": self.n,
            "n_effective": None if self.n_effective is None else round(self.n_effective, 1),
            "detail": self.detail,
            "data": plain(self.data),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> GateResult:
        """Inverse of :meth:`to_json`."""
        values = {name: body[name] for name in cls.__dataclass_fields__}
        bounds = body["interval"]
        return cls(**{**values, "interval": None if bounds is None else (bounds[0], bounds[1])})


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
        clock: seconds, for latency.
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
    clock: Callable[[], float] = time.perf_counter

    @cached_property
    def holdout(self) -> Holdout:
        """The judged rows with all predictions on them."""
        from mlops_assets.modeling.holdout import build_holdout

        return build_holdout(self.model.task, self.bundle, self.training_set, self.champion)

    @cached_property
    def measured(self) -> Evaluation:
        """The evaluation of these rows."""
        from mlops_assets.modeling.evaluation import evaluate_holdout

        if self.evaluation is not None:
            return self.evaluation
        return evaluate_holdout(self.model, self.holdout, self.bundle, self.champion, self.training_set.manifest.digest, seed=self.seed)

    def random(self) -> np.random.Generator:
        """A fresh generator from the seed."""
        import numpy as np

        return np.random.default_rng(self.seed)


Judge = Callable[[GateContext, str, "Gate"], GateResult]
"""``judge(context, name of the check, settings)``, the one function of every gate module."""


def plain(value: Any) -> Any:
    """The same as JSON data: NumPy scalars as numbers, tuples as lists, and None for a number that is none."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    item = getattr(value, "item", None)
    value = item() if callable(item) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def worst(statuses: Iterable[str]) -> Status:
    """The status that decides: fail, else inconclusive, else pass, else not_applicable, else off; of none at all: inconclusive."""
    found = set(statuses)
    return next((status for status in STATUSES if status in found), "inconclusive")
