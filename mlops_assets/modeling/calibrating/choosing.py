"""Which map a model gets, and from which rows.

The rows are training rows, scored by models of the same recipe that did not see them. Dated rows: the newest fifth, by a model of the
rows before whose labels were final. Others: all of them by cross-validation, or one part of many rows. Weights of rows count as they
do in training, but balanced ones do not: what happens as often as it does is what probabilities are about.

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
    """Scores of training rows by models that did not see them.

    Attributes:
        scores: P(positive) of shape (rows,), or (rows, classes).
        y: class codes.
        weight: above 0; they sum to the number of rows of one weight that would tell as much (L. Kish, "Survey Sampling", 1965).
    """

    scores: np.ndarray
    y: np.ndarray
    weight: np.ndarray


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
    classes = len(learner.target.classes)
    if few := _too_few(scored, classes):
        return Choice(None, f"none: {few}", lost=True)
    fit: Any = fit_isotonic if wanted == "isotonic" else fit_sigmoid
    found = fit(scored.scores, scored.y, scored.weight, classes)
    if wanted == "auto" and not _needed(found, scored, classes):
        return Choice(None, f"none: {len(scored.y)} rows show no need of it")
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
        valid = fold.valid[learner.counts(fold.valid) > 0]
        encoder, fitted, _ = learner.learn(recipe, fold.train)
        if len(valid):
            rows.append(valid)
            scores.append(fitted.predict(encoder.transform(learner.frame.iloc[valid])))
    if not rows:
        raise ModelingError("every row weighs 0.")
    places = np.concatenate(rows)
    weight = learner.counts(places)
    return _Scored(np.concatenate(scores), learner.y[places], weight * (weight.sum() / (weight**2).sum()))


def _too_few(scored: _Scored, classes: int) -> str | None:
    import numpy as np

    of_class = np.bincount(scored.y.astype("int64"), scored.weight, minlength=classes)
    rows, rarest = float(of_class.sum()), float(of_class.min())
    if rows >= LEAST_ROWS and rarest >= LEAST_OF_CLASS:
        return None
    return f"{rows:.0f} rows with {rarest:.0f} of the rarest class are too few to fit it on; it takes {LEAST_ROWS} and {LEAST_OF_CLASS}"


def _needed(found: Calibration, scored: _Scored, classes: int) -> bool:
    from scipy import stats

    mended = found.apply(scored.scores)
    fall = log_loss(scored.scores, scored.y, scored.weight) - log_loss(mended, scored.y, scored.weight)
    return bool(2 * fall > stats.chi2.ppf(LEVEL, classes))
