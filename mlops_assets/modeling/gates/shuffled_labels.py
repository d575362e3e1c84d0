"""The score of a model that learned from shuffled labels. Nothing is left to learn then, so a score better than chance means that
holdout outcomes reach the model by another way.

One shuffle says little: the noise that it fits may lean along the true signal or against it. So the training is repeated with several
shuffles, whose scores lie symmetrically around chance if nothing leaks, and their mean is judged by Student's t.

All shuffles are scored on the same holdout, so they share its chance: where it has few cases, their mean may lie far from chance without
a leak. That error is the one of an AUC without information, sqrt((n1 + n0 + 1) / (12 n1 n0)) (Mann and Whitney, Annals of Mathematical
Statistics 18, 1947), and 1 / sqrt(n - 1) of a correlation, with effective rows; a mean within it is inconclusive.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.gates.context import GateContext
from mlops_assets.modeling.holdout import TARGET, predict

if TYPE_CHECKING:
    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.modeling.holdout import Holdout

SHUFFLES = 5
MAX_ROWS = 5000
FLOOR = 0.05
"""A mean score less than this above chance is taken as chance, however sure."""
CONFIDENCE = 0.99
SURE = 2.326
"""Standard errors of the holdout's own chance that a mean must exceed: the normal quantile of :data:`CONFIDENCE`."""


@dataclass(frozen=True)
class Shuffled:
    """Scores of the shuffles and the lower bound of their mean; ``chance`` is what no information scores, ``error`` how exactly."""

    metric: str
    scores: list[float]
    mean: float
    low: float
    chance: float
    error: float

    @property
    def suspicious(self) -> bool:
        """Better than chance on this holdout."""
        return self.low > self.chance and self.mean > self.chance + FLOOR

    @property
    def leaks(self) -> bool:
        """Better than chance on any holdout."""
        return self.suspicious and self.mean > self.chance + SURE * self.error


def score_shuffled(context: GateContext) -> Shuffled:
    """Train :data:`SHUFFLES` times on at most :data:`MAX_ROWS` training rows with shuffled targets, and score the holdout.

    AUC for classification (chance 0.5), correlation of prediction and outcome for regression (chance 0).

    Raises:
        ModelingError: when the model cannot be trained on these rows.
    """
    import numpy as np
    from scipy import stats

    holdout = context.holdout
    random = context.random()
    retrain = context.retrain or _own_training(context)
    scores = []
    with tempfile.TemporaryDirectory() as folder:
        for shuffle in range(SHUFFLES):
            trained = retrain(_shuffle(context.training_set, random), Path(folder) / str(shuffle))
            scores.append(_score(holdout.task, holdout.y, predict(trained, holdout.rows.table)))
    values = np.array(scores)
    spread = float(values.std(ddof=1)) / math.sqrt(SHUFFLES)
    mean = float(values.mean())
    low = mean - float(stats.t.ppf(CONFIDENCE, SHUFFLES - 1)) * spread
    classified = bool(holdout.classes)
    return Shuffled("roc_auc" if classified else "correlation", scores, mean, low, 0.5 if classified else 0.0, _error(holdout))


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


def _shuffle(training_set: TrainingSet, random: Any) -> TrainingSet:
    """The same training set with at most :data:`MAX_ROWS` training rows and their targets permuted."""
    import numpy as np
    import pyarrow as pa

    table = training_set.table
    side = np.asarray(table.column("__split").to_pylist())
    train = np.flatnonzero(side == "train")
    if len(train) > MAX_ROWS:
        train = np.sort(random.choice(train, MAX_ROWS, replace=False))
    kept = table.take(np.concatenate([train, np.flatnonzero(side == "holdout")]))
    place = kept.schema.get_field_index(TARGET)
    order = np.concatenate([random.permutation(len(train)), np.arange(len(train), kept.num_rows)])
    targets = kept.column(place).take(pa.array(order))
    return replace(training_set, table=kept.set_column(place, kept.schema.field(place), targets))


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


def _score(task: str, y: Any, prediction: Any) -> float:
    import numpy as np

    from mlops_assets.modeling.metrics import metric_of

    if task in ("binary_classification", "multiclass_classification"):
        value = metric_of("roc_auc" if task == "binary_classification" else "roc_auc_ovr", task).compute(y, prediction)
        return 0.5 if math.isnan(value) else value
    if np.std(prediction) == 0 or np.std(y) == 0:
        return 0.0
    return float(np.corrcoef(y, prediction)[0, 1])
