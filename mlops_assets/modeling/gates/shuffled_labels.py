"""The score of a model that learned from shuffled labels. Nothing is left to learn then, so a score better than chance means that
holdout outcomes reach the model by another way.

What is no information is not a constant. Rows that come in groups, rare classes and thin regions make one shuffle lean along the true
signal or against it, for many shuffles to the same side: a learner of a rare class says less of crowded places whatever it is told. So
every shuffle is learned twice: as it is, and as its mirror, with the classes swapped in pairs or the numbers turned at the middle of their
range. A learner that has only these labels then ranks every row the other way around, and the mean of both scores is chance exactly, on
any holdout (antithetic variates: J. Hammersley and K. Morton, Proc. Cambridge Phil. Soc. 52, 1956); one that has the outcomes ranks them
right both times.

Some learners have no exact mirror. Where the first pair scores more than chance, more pairs follow, of other shuffles, whose means are
judged by Student's t; and a mean within the holdout's own error is inconclusive: sqrt((n1 + n0 + 1) / (12 n1 n0)) of an AUC without
information (Mann and Whitney, Annals of Mathematical Statistics 18, 1947), 1 / sqrt(n - 1) of a correlation, with effective rows.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.gates.context import GateContext
from mlops_assets.modeling.holdout import TARGET, predict

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.modeling.holdout import Holdout

    Array = np.ndarray[Any, np.dtype[Any]]

PAIRS = 5
"""How many shuffles are learned with their mirrors where the first pair scores more than chance."""
MAX_ROWS, MIN_CLASS_ROWS = 2000, 20
"""Training rows that a shuffle takes, and how many of a rare class are kept among them."""
MAX_SCORED = 10_000
FLOOR = 0.03
"""A mean score less than this above chance is taken as chance, however sure."""
CONFIDENCE = 0.99
SURE = 2.326
"""Standard errors of the holdout's own chance that a mean must exceed: the normal quantile of :data:`CONFIDENCE`."""


@dataclass(frozen=True)
class Shuffled:
    """Mean scores of the pairs and the lower bound of their mean; ``chance`` is what no information scores, ``error`` how exactly."""

    metric: str
    scores: list[float]
    mean: float
    low: float | None
    chance: float
    error: float

    @property
    def suspicious(self) -> bool:
        """Better than chance on this holdout."""
        return self.low is not None and self.low > self.chance and self.mean > self.chance + FLOOR

    @property
    def leaks(self) -> bool:
        """Better than chance on any holdout."""
        return self.suspicious and self.mean > self.chance + SURE * self.error


def score_shuffled(context: GateContext) -> Shuffled:
    """Train on at most :data:`MAX_ROWS` training rows with shuffled targets and on their mirror, and score the holdout.

    One pair, or :data:`PAIRS` where that is not enough. AUC for classification (chance 0.5; of several classes the mean over the pairs
    that were swapped), correlation of prediction and outcome for regression (chance 0).

    Raises:
        ModelingError: when the model cannot be trained on these rows.
    """
    import numpy as np
    from scipy import stats

    holdout, random = context.holdout, context.random()
    retrain = context.retrain or _own_training(context)
    swapped = _swapped_classes(holdout)
    chance = 0.5 if holdout.classes else 0.0
    judged = np.arange(holdout.n)
    if holdout.n > MAX_SCORED:
        judged = np.sort(random.choice(judged, MAX_SCORED, replace=False))
    rows = holdout.rows.table.iloc[judged]
    scores: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(PAIRS):
            both = []
            for side, training_set in enumerate(_shuffled_pair(context.training_set, holdout, swapped, random)):
                trained = retrain(training_set, Path(folder) / f"{number}-{side}")
                both.append(_score(holdout, judged, predict(trained, rows), swapped))
            scores.append((both[0] + both[1]) / 2)
            if scores[0] <= chance + FLOOR:
                break
    mean, low = float(np.mean(scores)), None
    if len(scores) > 1:
        spread = float(np.std(scores, ddof=1)) / math.sqrt(len(scores))
        low = mean - float(stats.t.ppf(CONFIDENCE, len(scores) - 1)) * spread
    return Shuffled("roc_auc" if holdout.classes else "correlation", scores, mean, low, chance, _error(holdout))


def _error(holdout: Holdout) -> float:
    """Standard error of a score without information on this holdout; infinite where it has one outcome only."""
    import numpy as np

    if not holdout.classes:
        return 1 / math.sqrt(max(holdout.n_effective - 1, 1))
    counts = np.unique(holdout.y, return_counts=True)[1] * (holdout.n_effective / holdout.n)
    if len(counts) < 2:
        return math.inf
    rare, rest = float(counts.min()), float(counts.sum() - counts.min())
    return math.sqrt((rare + rest + 1) / (12 * rare * rest))


def _swapped_classes(holdout: Holdout) -> list[tuple[int, int]]:
    """Codes of the classes that a mirror swaps: the two most frequent of the training rows, the next two, …"""
    import numpy as np

    if not holdout.classes:
        return []
    counts = np.bincount(holdout.train.y.astype(int), minlength=len(holdout.classes))
    order = np.argsort(-counts, kind="stable").tolist()
    return list(zip(order[::2], order[1::2], strict=False))


def _shuffled_pair(
    training_set: TrainingSet, holdout: Holdout, swapped: Sequence[tuple[int, int]], random: np.random.Generator
) -> tuple[TrainingSet, TrainingSet]:
    """The same training set with fewer training rows and their targets permuted, and its mirror."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    table = training_set.table
    known = pc.is_valid(table.column(TARGET))
    train = np.flatnonzero(pc.and_(pc.equal(table.column("__split"), "train"), known).to_numpy(zero_copy_only=False))
    y = holdout.train.y
    taken = _sample(y, bool(holdout.classes), random)
    targets = table.column(TARGET).take(pa.array(train[taken]))
    order = random.permutation(len(taken))
    shuffled = targets.take(pa.array(order))
    others = np.flatnonzero(pc.equal(table.column("__split"), "holdout").to_numpy(zero_copy_only=False))
    kept = table.take(pa.array(np.concatenate([train[taken], others])))

    def with_targets(column: pa.ChunkedArray) -> TrainingSet:
        place = kept.schema.get_field_index(TARGET)
        both = pa.chunked_array([*column.chunks, *kept.column(place).slice(len(taken)).chunks], type=column.type)
        return replace(training_set, table=kept.set_column(place, kept.schema.field(place), both))

    return with_targets(shuffled), with_targets(_mirror(shuffled, y[taken][order], swapped))


def _sample(y: Array, classes: bool, random: np.random.Generator) -> Array:
    """Positions of at most about :data:`MAX_ROWS` rows, in order; of a class at least :data:`MIN_CLASS_ROWS` where it has them."""
    import numpy as np

    if len(y) <= MAX_ROWS:
        return np.arange(len(y))
    if not classes:
        return np.sort(random.choice(len(y), MAX_ROWS, replace=False))
    taken = []
    for code in np.unique(y):
        rows = np.flatnonzero(y == code)
        wanted = min(len(rows), max(MIN_CLASS_ROWS, round(MAX_ROWS * len(rows) / len(y))))
        taken.append(random.choice(rows, wanted, replace=False))
    return np.sort(np.concatenate(taken))


def _mirror(targets: pa.ChunkedArray, y: Array, swapped: Sequence[tuple[int, int]]) -> pa.ChunkedArray:
    """Targets with classes swapped in pairs, or numbers turned at the middle of their range; ``y`` are their codes."""
    import numpy as np
    import pyarrow as pa

    if not swapped:
        return pa.chunked_array([pa.array(y.min() + y.max() - y).cast(targets.type, safe=False)])
    other: Mapping[int, int] = {**dict(swapped), **{b: a for a, b in swapped}}
    example = {int(code): int(place) for code, place in zip(*np.unique(y, return_index=True), strict=True)}
    place = [example.get(other.get(code, code), row) for row, code in enumerate(y.astype(int).tolist())]
    return targets.take(pa.array(place))


def _own_training(context: GateContext) -> Any:
    """The model's own training without its search, and with few trees."""
    from mlops_assets.modeling.estimators.build import quick
    from mlops_assets.modeling.training import train

    training = context.model.training
    plain = training.model_copy(update={"tune": None, "calibrate": "none", "estimator": quick(training.estimator)})
    model = context.model.model_copy(update={"training": plain})

    def retrain(training_set: TrainingSet, folder: Path) -> Any:
        return train(model, training_set, folder, context.bundle.provenance, definitions=context.folder, threads=1).bundle

    return retrain


def _score(holdout: Holdout, judged: Array, prediction: Array, swapped: Sequence[tuple[int, int]]) -> float:
    """How well predictions ``(rows, …)`` of the holdout's rows ``judged`` rank their outcomes."""
    import numpy as np

    y = holdout.y[judged]
    if not holdout.classes:
        return 0.0 if np.std(prediction) == 0 or np.std(y) == 0 else float(np.corrcoef(y, prediction)[0, 1])
    if prediction.ndim == 1:
        return _auc(y == 1, prediction)
    scores, weights = [], []
    for one, other in swapped:
        inside = (y == one) | (y == other)
        scores.append(_auc(y[inside] == one, prediction[inside, one] - prediction[inside, other]))
        weights.append(int(inside.sum()))
    return float(np.average(scores, weights=weights)) if sum(weights) else 0.5


def _auc(positive: Array, score: Array) -> float:
    """The share of pairs in right order, 0.5 where there are none."""
    from mlops_assets.modeling.metrics import metric_of

    value = metric_of("roc_auc", "binary_classification").compute(positive.astype(float), score)
    return 0.5 if math.isnan(value) else value
