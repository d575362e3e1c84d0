"""Worlds whose truth is known: independent rows, groups of near-duplicates, autocorrelated days, rare classes, ties, noise, drift."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.gates.rounds import Round, World, model_of, rows_of

START = pd.Timestamp("2025-01-01", tz="UTC")


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def features(random: np.random.Generator, n: int, count: int = 6) -> pd.DataFrame:
    return pd.DataFrame(random.normal(size=(n, count)), columns=[f"x{place}" for place in range(count)])


def signal(x: pd.DataFrame) -> np.ndarray:
    """Log odds of which half bends: an AUC of about .8."""
    return 0.9 * x.x0.to_numpy() - 0.7 * x.x1.to_numpy() + 0.6 * np.abs(x.x2.to_numpy()) - 0.5


def undated(world: str, make: Callable[[np.random.Generator], tuple[pd.DataFrame, str]], share: float = 0.3, **training: Any) -> World:
    """Rounds of ``make``'s rows in random order, of which a share is held out."""

    def rounds(count: int) -> Iterator[Round]:
        for seed in range(count):
            random = np.random.default_rng([seed, *world.encode()])
            frame, task = make(random)
            holdout = np.arange(len(frame)) >= round((1 - share) * len(frame))
            yield Round(world, f"seed {seed}", model_of(task, seed, **training), rows_of(frame, holdout))

    return World(world, "generated", rounds)


def independent(n: int, noise: int = 0) -> Callable[[np.random.Generator], tuple[pd.DataFrame, str]]:
    def make(random: np.random.Generator) -> tuple[pd.DataFrame, str]:
        x = features(random, n, 6 + noise)
        return x.assign(y=random.random(n) < sigmoid(signal(x))), "binary_classification"

    return make


def rare(random: np.random.Generator) -> tuple[pd.DataFrame, str]:
    x = features(random, 60_000)
    return x.assign(y=random.random(len(x)) < sigmoid(signal(x) - 5.2)), "binary_classification"


def tied(random: np.random.Generator) -> tuple[pd.DataFrame, str]:
    """Whole numbers of few values: hundreds of rows share a score."""
    x = features(random, 6000, 3).round().clip(-1, 1)
    return x.assign(y=random.random(len(x)) < sigmoid(1.2 * x.x0 - x.x1)), "binary_classification"


def classes(random: np.random.Generator) -> tuple[pd.DataFrame, str]:
    x = features(random, 6000)
    level = np.stack([x.x0, x.x1 - 0.3, 0.8 * x.x2 - 0.8, np.zeros(len(x))], axis=1) + random.gumbel(size=(len(x), 4))
    return x.assign(y=np.array(list("abcd"))[level.argmax(axis=1)]), "multiclass_classification"


def numbers(random: np.random.Generator) -> tuple[pd.DataFrame, str]:
    x = features(random, 4000)
    return x.assign(y=signal(x) + random.normal(size=len(x)) * np.exp(0.3 * x.x3)), "regression"


def dated(world: str, days: Callable[[np.random.Generator, int], pd.DataFrame], *, length: int, holdout: int, every: int) -> World:
    """Walked forward over one long stream of days: a window of ``length`` days, of which the last ``holdout`` are judged."""

    def rounds(count: int) -> Iterator[Round]:
        random = np.random.default_rng([*world.encode()])
        frame = days(random, length + every * (count - 1))
        for turn in range(count):
            inside = frame[(frame.day >= turn * every) & (frame.day < turn * every + length)].reset_index(drop=True)
            held = (inside.day >= turn * every + length - holdout).to_numpy()
            moments = START + pd.to_timedelta(inside.day, unit="D")
            rows = rows_of(inside.drop(columns="day"), held, as_of=moments, horizon="1d")
            yield Round(world, f"day {turn * every + length}", model_of("binary_classification", turn), rows)

    return World(world, "generated", rounds)


def near_duplicates(random: np.random.Generator, days: int) -> pd.DataFrame:
    """Twelve groups a day, of one to thirty rows that are nearly the same and share their outcome."""
    groups = days * 12
    size = np.minimum(random.geometric(0.2, groups), 30)
    centre = features(random, groups)
    outcome = random.random(groups) < sigmoid(1.5 * signal(centre))
    group = np.repeat(np.arange(groups), size)
    x = centre.iloc[group].reset_index(drop=True) + 0.01 * random.normal(size=(len(group), 6))
    return x.assign(y=outcome[group], day=group // 12)


def autocorrelated(random: np.random.Generator, days: int) -> pd.DataFrame:
    """Thirty rows a day; what the day adds to their log odds is remembered from day to day, and no feature shows it."""
    effect = np.zeros(days)
    for day in range(1, days):
        effect[day] = 0.8 * effect[day - 1] + 0.25 * random.normal()
    day = np.repeat(np.arange(days), 30)
    x = features(random, len(day))
    return x.assign(y=random.random(len(day)) < sigmoid(signal(x) + effect[day]), day=day)


def sudden(random: np.random.Generator, days: int) -> pd.DataFrame:
    """Every 150 days one feature starts to mean the opposite."""
    day = np.repeat(np.arange(days), 30)
    x = features(random, len(day))
    turned = np.where((day // 150) % 2 == 0, 1.0, -1.0)
    return x.assign(y=random.random(len(day)) < sigmoid(signal(x) + 0.8 * turned * x.x4), day=day)


def gradual(random: np.random.Generator, days: int) -> pd.DataFrame:
    """The base rate swings within a year, half of it with a feature, and what two features mean turns slowly."""
    day = np.repeat(np.arange(days), 30)
    x = features(random, len(day))
    season = np.sin(2 * np.pi * day / 365)
    x["x5"] += season
    angle = 2 * np.pi * day / 900
    turning = np.cos(angle) * x.x3 + np.sin(angle) * x.x4
    return x.assign(y=random.random(len(day)) < sigmoid(signal(x) + 0.4 * x.x5 + 0.4 * season + turning), day=day)


GENERATED = (
    undated("independent rows", independent(5000)),
    undated("30 features of noise", independent(5000, 30)),
    undated("1,000 rows in all", independent(1000)),
    undated("1 % positives", rare),
    undated("ties", tied),
    undated("four classes", classes),
    undated("numbers", numbers),
    dated("near-duplicates", near_duplicates, length=240, holdout=100, every=50),
    dated("autocorrelated days", autocorrelated, length=240, holdout=60, every=30),
    dated("sudden drift", sudden, length=240, holdout=40, every=30),
    dated("gradual drift", gradual, length=240, holdout=40, every=30),
)
