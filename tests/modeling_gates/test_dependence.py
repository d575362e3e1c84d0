"""Which judged rows belong together, and how many independent ones they are worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.modeling.dependence import dependence
from mlops_assets.modeling.likeness import alike_rows
from mlops_assets.modeling.signature import Feature, Signature

NAMES = [f"x{place}" for place in range(6)]
FEATURES = [Feature(name, "float64") for name in NAMES]


def depends(x: pd.DataFrame, y: np.ndarray, p: np.ndarray, *, entity: Any = None, as_of: Any = None) -> tuple[str, int, float]:
    table = x if entity is None else x.assign(customer=entity)
    blocks, worth = dependence(
        table, [] if entity is None else ["customer"], as_of, Signature(tuple(FEATURES)), y.astype(float), p, "binary_classification"
    )
    return blocks.unit, blocks.count, worth


def groups(noise: float, *, shared: bool, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """400 cases of five rows that differ by ``noise``, with one outcome a case if ``shared``, and what is right to say of each row."""
    random = np.random.default_rng(seed)
    case = np.repeat(np.arange(400), 5)
    centre = random.normal(size=(400, 6))
    p = 1 / (1 + np.exp(-centre[:, 0]))[case]
    drawn = random.random(400)[case] if shared else random.random(2000)
    return pd.DataFrame(centre[case] + noise * random.normal(size=(2000, 6)), columns=NAMES), drawn < p, p


@pytest.mark.parametrize("noise", [0.0, 0.005])
def test_near_identical_rows_that_share_their_outcome_are_blocks(noise: float) -> None:
    unit, count, worth = depends(*groups(noise, shared=True))
    assert unit == "alike"
    assert 390 <= count <= 900
    assert worth < 950


def test_near_identical_rows_with_outcomes_of_their_own_are_rows() -> None:
    found = [depends(*groups(0.0, shared=False, seed=seed)) for seed in range(50)]
    assert sum(unit == "row" and worth == 2000 for unit, _, worth in found) >= 47


def test_rows_of_few_values_or_few_features_are_not_alike_for_meeting_by_chance() -> None:
    random = np.random.default_rng(1)
    whole = pd.DataFrame(random.integers(-1, 2, size=(3000, 6)).astype(float), columns=NAMES)
    assert alike_rows(whole, FEATURES) is None
    assert alike_rows(pd.DataFrame({"x0": random.normal(size=3000)}), FEATURES[:1]) is None


def test_texts_and_missing_values_must_agree_to_be_alike() -> None:
    table, _, _ = groups(0.0, shared=True)
    table["x0"] = np.where(np.arange(2000) % 5 < 2, np.nan, table.x0)
    table["city"] = np.where(np.arange(2000) % 5 == 4, "Ulm", "Bonn")
    group = alike_rows(table, [*FEATURES, Feature("city", "category")])
    assert group is not None
    assert np.bincount(group).max() == 2
    assert group.max() + 1 == 400 * 3


def test_stretches_grow_while_errors_remember_the_day_before() -> None:
    random = np.random.default_rng(2)
    effect = np.zeros(100)
    for day in range(1, 100):
        effect[day] = 0.9 * effect[day - 1] + 0.5 * random.normal()
    x = pd.DataFrame(random.normal(size=(3000, 6)), columns=NAMES)
    moments = pd.Series(pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.repeat(np.arange(100), 30), unit="D"))
    p = np.full(3000, 0.5)
    for remembered, fewest, most in ((effect, 20, 50), (random.permutation(effect), 100, 100)):
        y = random.random(3000) < 1 / (1 + np.exp(-np.repeat(remembered, 30)))
        unit, count, worth = depends(x, y, p, as_of=moments)
        assert unit == "time"
        assert fewest <= count <= most
        assert worth < 1000
    _, count, worth = depends(x, random.random(3000) < 0.5, p, as_of=moments)
    assert count == 100
    assert worth > 2000


def test_an_entity_that_comes_again_is_the_block_whatever_looks_alike() -> None:
    x, y, p = groups(0.0, shared=True)
    assert depends(x, y, p, entity=np.arange(2000) // 5)[:2] == ("entity", 400)
