"""Which map a model gets, and from which rows.

The rows are training rows, scored by models of the same recipe that did not see them. Dated rows: the newest fifth, by a model of the
rows before whose labels were final; of few rows two such fifths. Others: all of them by cross-validation, or one part of many rows.
Weights of rows count as they do in training, but balanced ones do not: what happens as often as it does is what probabilities are about.

`auto` takes the sigmoid where the scores' log loss falls by more than chance allows: twice the fall is compared with chi-squared at
:data:`LEVEL`, one degree of freedom for each parameter (S. Wilks, Annals of Mathematical Statistics 9, 1938). It never takes isotonic
regression, whose log loss was greater than the sigmoid's in nearly all generated worlds, also with thousands of rows of each class.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.calibrating.fitting import fit_isotonic, fit_sigmoid, log_loss
from mlops_assets.modeling.folds import FORWARD, Fold
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
FEW_DATED_ROWS = 2000
"""Up to so many dated rows, the noise of one fifth costs more than what a model of three fifths differs from one of all rows."""
LEAST_ROWS, LEAST_OF_CLASS = 50, 5
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
        weight: how much each row counts, above 0.
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
    classes = len(learner.target.classes)
    try:
        folds = _folds(learner)
    except ModelingError as error:
        return Choice(None, f"none: no rows to fit it on, since {error.found}", lost=True)
    if few := _too_few(learner, folds):
        return Choice(None, f"none: {few}", lost=True)
    try:
        scored = _scored(learner, recipe, folds)
    except ModelingError as error:
        return Choice(None, f"none: the model cannot be trained on a part of its rows, since {error.found}", lost=True)
    fit: Any = fit_isotonic if wanted == "isotonic" else fit_sigmoid
    found = fit(scored.scores, scored.y, scored.weight, classes)
    if wanted == "auto" and not _needed(found, scored, classes):
        return Choice(None, f"none: {len(scored.y)} rows show no need of it")
    return Choice(found, str(found))


def _folds(learner: Learner) -> list[Fold]:
    """Rows to learn from, which hold every class, and rows to score, which weigh something."""
    import numpy as np

    folds = learner.folds(FOLDS)
    if folds[-1].how == FORWARD:
        folds = folds[-2 if len(learner.y) <= FEW_DATED_ROWS else -1 :]
    elif len(learner.y) > MANY_ROWS:
        folds = folds[-1:]
    whole = [fold for fold in folds if len(np.unique(learner.y[fold.train])) == len(learner.target.classes)]
    return [replace(fold, valid=fold.valid[learner.counts(fold.valid) > 0]) for fold in whole]


def _too_few(learner: Learner, folds: list[Fold]) -> str | None:
    import numpy as np

    places = np.concatenate([np.empty(0, dtype="int64"), *(fold.valid for fold in folds)])
    of_class = np.bincount(learner.y[places].astype("int64"), _effective(learner.counts(places)), minlength=len(learner.target.classes))
    rows, rarest = float(of_class.sum()), float(of_class.min())
    if rows >= LEAST_ROWS and rarest >= LEAST_OF_CLASS:
        return None
    return f"{rows:.0f} rows with {rarest:.0f} of the rarest class are too few to fit it on; it takes {LEAST_ROWS} and {LEAST_OF_CLASS}"


def _scored(learner: Learner, recipe: Recipe, folds: list[Fold]) -> _Scored:
    import numpy as np

    places, scores = [], []
    for fold in folds:
        if len(fold.valid):
            encoder, fitted, _ = learner.learn(recipe, fold.train)
            places.append(fold.valid)
            scores.append(fitted.predict(encoder.transform(learner.frame.iloc[fold.valid])))
    rows = np.concatenate(places)
    return _Scored(np.concatenate(scores), learner.y[rows], _effective(learner.counts(rows)))


def _effective(weight: np.ndarray) -> np.ndarray:
    """Weights whose sum is the number of rows of one weight that would tell as much (L. Kish, "Survey Sampling", 1965)."""
    result: np.ndarray = weight * (weight.sum() / (weight**2).sum()) if len(weight) else weight
    return result


def _needed(found: Calibration, scored: _Scored, classes: int) -> bool:
    from scipy import stats

    mended = found.apply(scored.scores)
    fall = log_loss(scored.scores, scored.y, scored.weight) - log_loss(mended, scored.y, scored.weight)
    return bool(2 * fall > stats.chi2.ppf(LEVEL, classes))
