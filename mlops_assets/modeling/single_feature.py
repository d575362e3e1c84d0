"""How well one feature alone predicts the target: learned on the training rows, scored on the holdout.

Classification: the feature's values (numbers of many values: up to :data:`BINS` quantile bins) get the class that is more
frequent there than overall; the score is balanced accuracy. An honest ranking reaches 0.95 only at an AUC of about 0.99, whatever
the base rate, while a copy of the target with a few per cent flipped keeps 1 minus that share. Regression: the better of a line and
a curve through the means of the bins; the score is the explained share of the variance, without the worst :data:`TRIMMED` of the
rows, so that a few altered rows do not hide a copy. Bounds hold for all features that are looked at together (Bonferroni).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.calibration import wilson
from mlops_assets.modeling.distinct import distinct
from mlops_assets.modeling.values import plain_values

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.modeling.holdout import Holdout
    from mlops_assets.modeling.signature import Feature

    Array = np.ndarray[Any, np.dtype[Any]]

LIMIT_CLASSES, LIMIT_NUMBER = 0.95, 0.98
"""Scores from which on a feature alone almost decides the target: for classification, and for regression."""
SLACK = 0.05
"""With so few rows that a score's lower bound is further below the limit, nothing can be said."""
BINS = 64
DISTINCT = 200
ROWS_PER_CELL = 10
TRIMMED = 0.05
SMOOTHING = 5.0


@dataclass(frozen=True)
class FeatureScore:
    """Score of one feature, 0.5 (classification: one over the number of classes) or 0 being chance; ``low`` is its lower bound."""

    name: str
    score: float
    low: float


def score_features(holdout: Holdout, features: list[Feature]) -> list[FeatureScore]:
    """Every feature's score, best first."""
    found = []
    confidence = 1 - 0.05 / max(len(features), 1)
    for feature in features:
        train = plain_values(holdout.train.table[feature.name], feature)
        judged = plain_values(holdout.rows.table[feature.name], feature)
        if holdout.classes:
            found.append(_classes(feature.name, train, judged, holdout, confidence))
        else:
            found.append(_number(feature.name, train, judged, holdout))
    return sorted(found, key=lambda score: (-score.score, score.name))


def cells_of(train: Array, judged: Array) -> tuple[Array, Array, int]:
    """Code of every row by value or by quantile bin; a missing value is a cell, and so is one that training never saw."""
    import numpy as np
    import pandas as pd

    enough = len(train) // ROWS_PER_CELL
    if train.dtype != object and len(np.unique(train[~np.isnan(train)])) > min(DISTINCT, max(ROWS_PER_CELL, enough)):
        edges = np.unique(np.nanquantile(train, np.linspace(0, 1, min(BINS, max(4, enough)) + 1)))[1:-1]
        missing = len(edges) + 1
        codes = [np.where(np.isnan(v), missing, np.searchsorted(edges, v, side="left")) for v in (train, judged)]
        return codes[0], codes[1], missing + 1
    index = pd.Index(distinct(train)[1] if train.dtype == object else pd.unique(pd.Series(train).dropna()))
    seen = len(index)
    codes = [np.where(pd.isna(v), seen + 1, np.where((c := index.get_indexer(pd.Index(v))) < 0, seen, c)) for v in (train, judged)]
    return codes[0], codes[1], seen + 2


def _classes(name: str, train: Array, judged: Array, holdout: Holdout, confidence: float) -> FeatureScore:
    import numpy as np

    k = len(holdout.classes)
    y = holdout.train.y.astype(int)
    known = y >= 0
    cells, judged_cells, count = cells_of(train, judged)
    prior = np.bincount(y[known], minlength=k) / max(known.sum(), 1)
    table = np.bincount(cells[known] * k + y[known], minlength=count * k).reshape(count, k)
    lift = (table + SMOOTHING * prior) / (table.sum(axis=1, keepdims=True) + SMOOTHING) / np.maximum(prior, 1e-12)
    called = lift.argmax(axis=1)[judged_cells]
    truth = holdout.y.astype(int)
    there = [c for c in range(k) if (truth == c).any()]
    recall = np.array([(called[truth == c] == c).mean() for c in there])
    size = np.array([(truth == c).sum() for c in there]) * (holdout.n_effective / holdout.n)
    if len(there) < 2:
        return FeatureScore(name, float("nan"), float("nan"))
    score = float(recall.mean())
    low = float(np.mean([wilson(float(r), float(n), confidence)[0] for r, n in zip(recall, size, strict=True)]))
    return FeatureScore(name, score, min(score, low))


def _number(name: str, train: Array, judged: Array, holdout: Holdout) -> FeatureScore:
    import numpy as np

    y, truth = holdout.train.y, holdout.y
    cells, judged_cells, count = cells_of(train, judged)
    size = np.bincount(cells, minlength=count)
    means = (np.bincount(cells, weights=y, minlength=count) + SMOOTHING * y.mean()) / (size + SMOOTHING)
    guesses = [means[judged_cells]]
    if train.dtype != object and (known := np.isfinite(train)).sum() > 2 and np.ptp(train[known]) > 0:
        filled = np.where(np.isfinite(judged), judged, train[known].mean())
        slope, offset = np.polyfit(train[known] - train[known].mean(), y[known], 1)
        guesses.append(slope * (filled - train[known].mean()) + offset)
        inside = np.flatnonzero((size > 0) & (np.arange(count) < (count - 1)))
        places = np.bincount(cells[known], weights=train[known], minlength=count)[inside] / np.maximum(size[inside], 1)
        order = np.argsort(places)
        plain = np.bincount(cells, weights=y, minlength=count)[inside] / size[inside]
        guesses.append(np.interp(filled, places[order], plain[order]))
    score = max(_explained(truth, guess) for guess in guesses)
    return FeatureScore(name, score, score)


def _explained(truth: Array, guess: Array) -> float:
    import numpy as np

    error = np.square(truth - guess)
    kept = np.argsort(error, kind="stable")[: max(2, int(np.ceil(len(truth) * (1 - TRIMMED))))]
    spread = float(np.square(truth[kept] - truth[kept].mean()).mean())
    return float("nan") if spread <= 0 else 1 - float(error[kept].mean()) / spread
