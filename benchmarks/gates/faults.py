"""Faults of a known size, planted into a sound round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.gates.rounds import Round
from mlops_assets.data.training_sets.training_set import TrainingSet
from mlops_assets.modeling.bundle import Bundle
from mlops_assets.modeling.gates import GateContext
from mlops_assets.modeling.holdout import code_target

Predict = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Changed:
    """A bundle that says something else of the same rows."""

    bundle: Bundle
    says: Predict

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return self.says(frame)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bundle, name)


@dataclass(frozen=True)
class Fault:
    """What is wrong, which gates should say so (one is enough), and what the gates look at then."""

    name: str
    gates: tuple[str, ...]
    context: Callable[[], GateContext]


def faults_of(turn: Round, sound: Bundle, folder: Path) -> Iterator[Fault]:
    """All faults that can be planted into a round whose sound model is ``sound``; bundles are written below ``folder``."""
    random = np.random.default_rng(turn.model.training.seed)
    classified = turn.model.task != "regression"
    if not classified:
        return
    judged = turn.rows.split("holdout").to_pandas()
    y = code_target(judged["__target"], sound.target).astype(int)
    for flipped in (0.01, 0.03):
        yield Fault(f"leak: the outcome as a feature, {flipped:.0%} of it wrong", ("leakage",), _copied(turn, flipped, random, folder))
    for known in (0.15, 0.4):
        yield Fault(f"leak: training knows {known:.0%} of the holdout's outcomes", ("leakage",), _peeking(turn, sound, y, known, random))
    undated = "__as_of" not in judged or judged["__as_of"].isna().all()
    if undated and _told_apart(turn):
        yield Fault("10 % of the holdout are training rows", ("leakage",), _repeated(turn, sound, random))
    slope = _right_slope(sound.predict(judged), y)
    for times in (1.5, 3.0):
        sharper = Changed(sound, lambda frame, times=times: _sharpened(sound.predict(frame), slope * times))
        yield Fault(
            f"probabilities {times:g} times as sure as right", ("calibration",), lambda sharper=sharper: turn.context(sharper, None)
        )
    if turn.model.task == "binary_classification":
        score = sound.predict(judged)
        for points in (0.01, 0.03):
            worse = _worse(score, y == 1, points, random)
            told = Changed(sound, lambda frame, worse=worse: _by_row(frame, judged, worse))
            yield Fault(
                f"the champion is better by {points * 100:g} points of AUC", ("champion",), lambda told=told: turn.context(told, sound)
            )
        for share in (0.1, 0.3):
            yield Fault(
                f"{share:.0%} of the training labels turned around",
                ("champion", "calibration", "label_quality", "beats_naive"),
                _noisy(turn, sound, share, random, folder),
            )


def _copied(turn: Round, flipped: float, random: np.random.Generator, folder: Path) -> Callable[[], GateContext]:
    def make() -> GateContext:
        target = pd.Series(turn.rows.table.column("__target").to_pylist())
        codes = pd.factorize(target, sort=True)[0].astype(float)
        wrong = random.random(len(codes)) < flipped
        codes[wrong] = random.permutation(codes)[wrong]
        table = turn.rows.table.append_column("copy", pa.array(codes))
        facts = {**turn.rows.facts, "features": [*turn.rows.facts["features"], {"name": "copy", "type": "float64"}]}
        rows = replace(turn.rows, table=table, facts=facts)
        return turn.context(turn.train(folder / f"copied-{flipped}", rows), None, rows=rows)

    return make


def _peeking(turn: Round, sound: Bundle, y: np.ndarray, known: float, random: np.random.Generator) -> Callable[[], GateContext]:
    """Every training of this kind adds what it knows of the judged rows to what it learned."""
    told = random.random(len(y)) < known

    def retrain(rows: TrainingSet, folder: Path) -> Any:
        learned = turn.train(folder, rows)
        frame = turn.rows.split("holdout").to_pandas()

        def says(judged: pd.DataFrame) -> np.ndarray:
            place = _places(judged, frame)
            said = learned.predict(judged)
            knows = told[place]
            if said.ndim == 1:
                return np.where(knows, y[place], said)
            return np.where(knows[:, None], np.eye(said.shape[1])[y[place]], said)

        return Changed(learned, says)

    return lambda: turn.context(sound, None, retrain=retrain)


def _repeated(turn: Round, sound: Bundle, random: np.random.Generator) -> Callable[[], GateContext]:
    def make() -> GateContext:
        side = np.asarray(turn.rows.table.column("__split").to_pylist(), dtype=object)
        learned, held = np.flatnonzero(side == "train"), np.flatnonzero(side == "holdout")
        order = np.arange(len(side))
        replaced = random.choice(held, len(held) // 10, replace=False)
        order[replaced] = random.choice(learned, len(replaced), replace=False)
        table = turn.rows.table.take(pa.array(order))
        place = table.schema.get_field_index("__split")
        rows = replace(turn.rows, table=table.set_column(place, "__split", pa.array(side)))
        return turn.context(sound, None, rows=rows)

    return make


def _noisy(turn: Round, sound: Bundle, share: float, random: np.random.Generator, folder: Path) -> Callable[[], GateContext]:
    def make() -> GateContext:
        side = np.asarray(turn.rows.table.column("__split").to_pylist(), dtype=object)
        target = turn.rows.table.column("__target").to_pylist()
        values = sorted(set(target) - {None}, key=str)
        wrong = (side == "train") & (random.random(len(side)) < share)
        turned = [
            values[1 - values.index(value)] if flip and value is not None else value for value, flip in zip(target, wrong, strict=True)
        ]
        place = turn.rows.table.schema.get_field_index("__target")
        column = pa.array(turned, type=turn.rows.table.schema.field(place).type)
        rows = replace(turn.rows, table=turn.rows.table.set_column(place, "__target", column))
        return turn.context(turn.train(folder / f"noisy-{share}", rows), sound, rows=rows)

    return make


def _told_apart(turn: Round) -> bool:
    """Whether most training rows differ from each other, so that one in the holdout can be recognized."""
    table = turn.rows.split("train").to_pandas()
    columns = [feature["name"] for feature in turn.rows.facts["features"]]
    return bool(table.duplicated([*columns, "__target"], keep=False).mean() < 0.5)


def _right_slope(said: np.ndarray, y: np.ndarray) -> float:
    """How many times as sure the model would have to be to be right on these rows: what log odds are to be multiplied by."""
    from scipy.optimize import minimize_scalar

    def loss(slope: float) -> float:
        told = _sharpened(said, slope)
        of_outcome = np.where(y == 1, told, 1 - told) if told.ndim == 1 else told[np.arange(len(y)), np.maximum(y, 0)]
        return float(-np.log(np.clip(of_outcome, 1e-9, 1)).mean())

    return float(minimize_scalar(loss, bounds=(0.1, 5.0), method="bounded").x)


def _sharpened(said: np.ndarray, times: float) -> np.ndarray:
    if said.ndim == 1:
        odds = (np.clip(said, 1e-6, 1 - 1e-6) / (1 - np.clip(said, 1e-6, 1 - 1e-6))) ** times
        return odds / (1 + odds)
    raised = np.clip(said, 1e-6, 1) ** times
    return raised / raised.sum(axis=1, keepdims=True)


def _worse(score: np.ndarray, positive: np.ndarray, points: float, random: np.random.Generator) -> np.ndarray:
    """The score with as much noise on its log odds as costs so many points of AUC."""
    from sklearn.metrics import roc_auc_score

    odds = np.log(np.clip(score, 1e-6, 1 - 1e-6) / (1 - np.clip(score, 1e-6, 1 - 1e-6)))
    noise = random.normal(size=len(odds)) * odds.std()
    target = roc_auc_score(positive, odds) - points
    low, high = 0.0, 8.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if roc_auc_score(positive, odds + middle * noise) > target else (low, middle)
    return 1 / (1 + np.exp(-(odds + low * noise)))


def _places(judged: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """Position in ``frame`` of each row of ``judged``, which are rows of it by their index or all of them."""
    return np.arange(len(frame)) if len(judged) == len(frame) else judged.index.to_numpy()


def _by_row(frame: pd.DataFrame, judged: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    """The values of all judged rows; the gates of speed and form, which score others, are not asked here."""
    return values[_places(frame, judged)]
