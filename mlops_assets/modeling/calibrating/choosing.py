"""Which map a model gets, and from which rows.

The rows are training rows, scored by models of the same recipe that did not see them. Dated rows: the newest fifth, by a model of the
rows before whose labels were final. Others: all of them by cross-validation, or one part of many rows.

`auto` takes the sigmoid where the scores' log loss falls by more than chance allows: twice the fall is compared with chi-squared at
:data:`LEVEL`, one degree of freedom for each parameter (S. Wilks, Annals of Mathematical Statistics 9, 1938). It never takes
isotonic regression, which loses to the sigmoid wherever the model learns from fewer than some tens of thousands of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.calibrating.fitting import fit_isotonic, fit_sigmoid, log_loss
from mlops_assets.modeling.folds import FORWARD
from mlops_assets.modeling.signature import ModelingError
from mlops_assets.spec.tasks import CLASSIFICATION

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.modeling.calibrating.maps import Calibration
    from mlops_assets.modeling.estimators.protocol import Recipe
    from mlops_assets.modeling.learner import Learner

FOLDS = 4
MANY_ROWS = 5000
"""From more undated rows than this, one of :data:`FOLDS` parts is enough, which costs one training instead of four."""
LEAST_ROWS, LEAST_OF_CLASS = 50, 10
"""With fewer rows, or fewer of any class, there is no map."""
LEVEL = 0.95


@dataclass(frozen=True)
class Choice:
    """The map, or why there is none.

    Attributes:
        map: None where the scores stay as they are.
        said: in words, for whoever looks at the model.
        lost: whether a map was wanted that these rows could not give.
    """

    map: Calibration | None
    said: str
    lost: bool = False


@dataclass(frozen=True)
class _Scored:
    """Scores of training rows by models that did not see them; ``rows`` are positions among the training rows."""

    rows: np.ndarray
    scores: np.ndarray


def choose(learner: Learner, recipe: Recipe) -> Choice:
    """The map of a model whose ``recipe`` is settled: nothing is searched and no stopping is decided again.

    Raises:
        ModelingError: for isotonic or sigmoid on a regression.
    """
    wanted, task = learner.model.training.calibrate, learner.model.task
    if task not in CLASSIFICATION:
        if wanted in ("isotonic", "sigmoid"):
            raise ModelingError(
                f"{wanted} maps scores to probabilities, and {task} has none.", where="training.calibrate", valid=("auto", "none")
            )
        return Choice(None, "no probabilities")
    if wanted == "none":
        return Choice(None, "none, as declared")
    try:
        scored = _scored(learner, recipe)
    except ModelingError as error:
        return Choice(None, f"none: no rows to fit it on, since {error}", lost=True)
    y, classes = learner.y[scored.rows], len(learner.target.classes)
    if few := _too_few(y, classes):
        return Choice(None, f"none: {few}", lost=True)
    found: Any = (fit_isotonic if wanted == "isotonic" else fit_sigmoid)(scored.scores, y, classes)
    if wanted == "auto" and not _needed(found, scored.scores, y, classes):
        return Choice(None, f"none: {len(y)} rows show no need of it")
    return Choice(found, str(found))


def _scored(learner: Learner, recipe: Recipe) -> _Scored:
    import numpy as np

    folds = learner.folds(FOLDS)
    if folds[-1].how == FORWARD or len(learner.y) > MANY_ROWS:
        folds = folds[-1:]
    rows, scores = [], []
    for fold in folds:
        if len(np.unique(learner.y[fold.train])) < len(learner.target.classes):
            raise ModelingError(f"the {len(fold.train)} rows to learn from do not hold every class.")
        valid = fold.valid[learner.weighs(fold.valid)]
        encoder, fitted, _ = learner.learn(recipe, fold.train)
        if len(valid):
            rows.append(valid)
            scores.append(fitted.predict(encoder.transform(learner.frame.iloc[valid])))
    if not rows:
        raise ModelingError("every row weighs 0.")
    return _Scored(np.concatenate(rows), np.concatenate(scores))


def _too_few(y: np.ndarray, classes: int) -> str | None:
    import numpy as np

    rarest = int(np.bincount(y.astype("int64"), minlength=classes).min())
    if len(y) >= LEAST_ROWS and rarest >= LEAST_OF_CLASS:
        return None
    return f"{len(y)} rows with {rarest} of the rarest class are too few to fit it on; it takes {LEAST_ROWS} with {LEAST_OF_CLASS} of each"


def _needed(found: Calibration, scores: np.ndarray, y: np.ndarray, classes: int) -> bool:
    from scipy import stats

    fall = log_loss(scores, y) - log_loss(found.apply(scores), y)
    return bool(2 * fall > stats.chi2.ppf(LEVEL, classes))
