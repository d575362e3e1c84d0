"""The rows that a model is judged on: outcomes as numbers, and the predictions of candidate, champion and naive model on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.modeling.dependence import dependence
from mlops_assets.modeling.signature import ModelingError
from mlops_assets.modeling.threads import one_thread

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.modeling.bootstrap import Blocks, Draws, Resampling
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.target import Target

    Array = np.ndarray[Any, np.dtype[Any]]

TARGET, AS_OF, LABEL_END = "__target", "__as_of", "__label_end"


@dataclass(frozen=True)
class Rows:
    """One side of the split.

    Attributes:
        table: every column of the training set, rows with a target only.
        y: outcomes ``(n,)``: 1 for the positive class and 0 else; class index, -1 where training had no such class; the value.
        targets: outcomes as they stand in the data.
        without_target: how many rows were left out because their target is missing.
    """

    table: pd.DataFrame
    y: Array
    targets: pd.Series
    without_target: int

    @property
    def n(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Holdout:
    """Everything that gates and evaluation need to know of the judged rows.

    Predictions have the shape of :mod:`mlops_assets.modeling.metrics`. ``champion`` is None where there is no champion, or
    where it cannot score these rows, and then ``champion_error`` says why.
    """

    task: str
    classes: tuple[Any, ...]
    train: Rows
    rows: Rows
    prediction: Array
    naive: Array
    naive_method: str
    champion: Array | None
    champion_error: str | None
    blocks: Blocks
    n_effective: float
    _known: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def y(self) -> Array:
        return self.rows.y

    @property
    def n(self) -> int:
        return self.rows.n

    def resampling(self, seed: int) -> Resampling:
        """The resamples of these rows, the same ones for whoever asks."""
        from mlops_assets.modeling.bootstrap import Resampling

        found: Resampling = self._known.setdefault(("resampling", seed), Resampling(self.blocks, seed))
        return found

    def measure(self, wanted: Sequence[tuple[str, Array]], seed: int, resamples: int | None = None) -> list[Draws]:
        """Each metric of each prediction ``(name, prediction)`` on the rows and on their resamples; what was measured before is known.

        ``resamples``: default: as many as intervals that decide need.
        """
        from mlops_assets.modeling.bootstrap import draw
        from mlops_assets.modeling.metrics import metric_of

        keys = [(name, id(prediction), seed, resamples) for name, prediction in wanted]
        new = {key: pair for key, pair in zip(keys, wanted, strict=True) if key not in self._known}
        statistics = {str(key): metric_of(name, self.task).prepare(self.y, p) for key, (name, p) in new.items()}
        draws = draw(statistics, self.blocks, seed=seed, resamples=resamples, resampling=self.resampling(seed)) if new else {}
        # The prediction is kept too, so that no other array gets its id.
        self._known.update({key: (prediction, draws[str(key)]) for key, (_, prediction) in new.items()})
        return [self._known[key][1] for key in keys]

    def take(self, inside: Array) -> Holdout:
        """The holdout of some of its rows (a mask), the same one for the same rows."""
        from mlops_assets.modeling.bootstrap import effective_n
        from mlops_assets.modeling.metrics.pointwise import pointwise_loss

        if inside.all():
            return self
        key = ("part", inside.tobytes())
        if key not in self._known:
            rows = Rows(self.rows.table[inside].reset_index(drop=True), self.y[inside], self.rows.targets[inside], 0)
            prediction, blocks = self.prediction[inside], self.blocks.take(inside)
            champion = None if self.champion is None else self.champion[inside]
            worth = effective_n(blocks, pointwise_loss(rows.y, prediction, self.task)) if rows.n else 0.0
            self._known[key] = replace(
                self, rows=rows, prediction=prediction, naive=self.naive[inside], champion=champion, blocks=blocks, n_effective=worth
            )  # fmt: skip
        found: Holdout = self._known[key]
        return found


@one_thread()
def build_holdout(task: str, bundle: Bundle, training_set: TrainingSet, champion: Bundle | None = None) -> Holdout:
    """Score the holdout with every model. Rows are weighted equally: weights say what to learn from, not what to be judged by."""
    classes = tuple(bundle.classes)
    train, rows = _rows(training_set, "train", bundle.target), _rows(training_set, "holdout", bundle.target)
    prediction = predict(bundle, rows.table)
    naive, method = naive_prediction(task, train.y, rows.n, len(classes))
    scored, error = _champion(champion, bundle, rows.table)
    entity = [column for column in training_set.entity if column in rows.table]
    blocks, n_effective = dependence(rows.table, entity, rows.table.get(AS_OF), bundle.signature, rows.y, prediction, task)
    return Holdout(task, classes, train, rows, prediction, naive, method, scored, error, blocks, n_effective)


def predict(bundle: Bundle, table: pd.DataFrame) -> Array:
    """Predictions of a bundle for the rows of a training set's table."""
    import numpy as np

    return np.asarray(bundle.predict(table[[feature.name for feature in bundle.signature.features]]), float)


def code_target(targets: pd.Series, target: Target) -> Array:
    """Outcomes as numbers, see :attr:`Rows.y`."""
    import numpy as np

    coded = target.encode(targets)
    if target.task == "multiclass_classification":
        return np.where(np.isnan(coded), -1, coded).astype(int)
    return (coded == 1).astype(float) if target.task == "binary_classification" else coded


def naive_prediction(task: str, y: Array, n: int, classes: int) -> tuple[Array, str]:
    """What a model without features would say for ``n`` rows, learned from the training outcomes ``y``, and its name."""
    import numpy as np

    if not len(y):
        raise ModelingError("the training set has no training rows with a target.", do="Widen training.window or check the label.")
    if task == "multiclass_classification":
        prior = np.bincount(y[y >= 0], minlength=classes) / max((y >= 0).sum(), 1)
        return np.tile(prior, (n, 1)), "share of each class in the training rows"
    if task == "binary_classification":
        return np.full(n, y.mean()), "share of positives in the training rows"
    return np.full(n, y.mean()), "mean of the training rows"


def _rows(training_set: TrainingSet, side: Literal["train", "holdout"], target: Target) -> Rows:
    table = training_set.split(side).to_pandas()
    known = table[TARGET].notna()
    kept = table[known].reset_index(drop=True)
    return Rows(kept, code_target(kept[TARGET], target), kept[TARGET], int((~known).sum()))


def _champion(champion: Bundle | None, bundle: Bundle, table: pd.DataFrame) -> tuple[Array | None, str | None]:
    from mlops_assets.errors import MlopsError

    if champion is None:
        return None, None
    if champion.task != bundle.task:
        return None, f"the champion is a {champion.task} model, the candidate a {bundle.task} model"
    if tuple(champion.classes) != tuple(bundle.classes):
        return None, f"the champion knows other classes ({champion.classes}) than the candidate ({bundle.classes})"
    absent = [feature.name for feature in champion.signature.features if feature.name not in table]
    if absent:
        return None, f"the champion needs {', '.join(absent)}, which this training set no longer has"
    try:
        return predict(champion, table), None
    except MlopsError as error:
        return None, f"the champion cannot score these rows: {error}"
