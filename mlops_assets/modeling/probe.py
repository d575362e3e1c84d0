"""A first look at a training set, before anything is trained: does one feature give the target away, and has the target jumped?

The gates judge both again, with all rows and their intervals; the probe is cheap, so that a mistake shows a step earlier.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.distinct import distinct
from mlops_assets.modeling.jump import LARGE_H, LARGE_SD, cohens_h
from mlops_assets.modeling.single_feature import LIMIT_CLASSES, LIMIT_NUMBER, SLACK, FeatureScore, score_features
from mlops_assets.spec.model import Model

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.modeling.holdout import Rows

MAX_ROWS = 50_000
"""Rows of each side that are looked at: evenly spaced ones, the same every time."""


@dataclass(frozen=True)
class Probe:
    """What the look found.

    Attributes:
        deciding: features that alone almost decide the target, best first.
        best: the best single feature; None where none can be scored.
        limit: score from which a feature decides.
        train, holdout: mean target (numbers) or share of the class that moved most.
        jump: its change: Cohen's h, or standard deviations of the training target.
        jump_limit: from where on the change is large.
        varies: whether both sides hold more than one value of the target.
    """

    deciding: tuple[FeatureScore, ...]
    best: FeatureScore | None
    limit: float
    train: float
    holdout: float
    jump: float
    jump_limit: float
    varies: bool


def probe(model: Model, training_set: TrainingSet) -> Probe:
    """Look at a training set."""
    train, held = (_frame(training_set, side) for side in ("train", "holdout"))
    numbers = model.task == "regression"
    gate = model.default_gate("leakage")
    limit = gate.at_most if gate.at_most is not None else LIMIT_NUMBER if numbers else LIMIT_CLASSES
    jump_limit = model.default_gate("label_quality").max_jump or (LARGE_SD if numbers else LARGE_H)
    before, after, jump = _jump(train["__target"], held["__target"], numbers)
    varies = all(len(distinct(frame["__target"])[1]) > 1 for frame in (train, held))
    scores = _scores(model, training_set, train, held) if varies else []
    deciding = tuple(score for score in scores if score.score >= limit and score.low >= limit - SLACK)
    return Probe(deciding, scores[0] if scores else None, limit, before, after, jump, jump_limit, varies)


def _frame(training_set: TrainingSet, side: Any) -> pd.DataFrame:
    table = training_set.split(side)
    step = -(-table.num_rows // MAX_ROWS) or 1
    frame = (table.take(list(range(0, table.num_rows, step))) if step > 1 else table).to_pandas()
    kept: pd.DataFrame = frame[frame["__target"].notna()].reset_index(drop=True)
    return kept


def _scores(model: Model, training_set: TrainingSet, train: pd.DataFrame, held: pd.DataFrame) -> list[FeatureScore]:
    from mlops_assets.modeling.bootstrap import choose_blocks
    from mlops_assets.modeling.holdout import Holdout, Rows, code_target
    from mlops_assets.modeling.signature import features_of
    from mlops_assets.modeling.target import Target

    target = Target.fit(train["__target"], model.task, model.positive)

    def rows(frame: pd.DataFrame) -> Rows:
        return Rows(frame, code_target(frame["__target"], target), frame["__target"], 0)

    judged = rows(held)
    holdout = Holdout(
        task=model.task,
        classes=tuple(target.classes),
        train=rows(train),
        rows=judged,
        prediction=judged.y,
        naive=judged.y,
        naive_method="none",
        champion=None,
        champion_error=None,
        blocks=choose_blocks(None, None, judged.n),
        n_effective=float(judged.n),
    )
    found = score_features(holdout, list(features_of(training_set.features)))
    return [score for score in found if math.isfinite(score.score)]


def _jump(train: pd.Series, held: pd.Series, numbers: bool) -> tuple[float, float, float]:
    """Before, after and size of the change: of the mean in standard deviations, or of the class that moved most in Cohen's h."""
    if train.empty or held.empty:
        return math.nan, math.nan, math.nan
    if numbers:
        before, after = float(train.astype(float).mean()), float(held.astype(float).mean())
        return before, after, abs(after - before) / (float(train.astype(float).std(ddof=0)) or 1.0)
    shares = [series.astype(str).value_counts(normalize=True) for series in (train, held)]
    moved = []
    for name in sorted({*shares[0].index, *shares[1].index}):
        before, after = (float(share.get(name, 0.0)) for share in shares)
        moved.append((cohens_h(before, after), before, after))
    size, before, after = max(moved)
    return before, after, size
