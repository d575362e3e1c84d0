"""Sums of counted values that come out the same in any order."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from mlops_assets.modeling.exact_sums import ExactSums


def counts_of(n: int, resamples: int = 9) -> np.ndarray:
    return np.random.default_rng(1).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.uint8)


def exactly(counts: np.ndarray, values: np.ndarray) -> list[Fraction]:
    return [sum((int(c) * Fraction(float(v)) for c, v in zip(row, values, strict=True)), Fraction()) for row in counts]


SPREADS = {
    "alike": lambda random, n: random.normal(size=n),
    "far apart": lambda random, n: np.exp(random.normal(0, 30, n)) * random.choice([-1, 1], n),
    "one huge": lambda random, n: np.r_[1e12, random.random(n - 1) * 1e-6],
    "tiny": lambda random, n: random.random(n) * 1e-300,
    "counts": lambda random, n: random.integers(0, 2, n).astype(float),
    "nothing": lambda random, n: np.zeros(n),
}


@pytest.mark.parametrize("spread", list(SPREADS))
def test_sums_do_not_depend_on_the_order_of_rows_and_are_right(spread: str) -> None:
    n, random = 3_000, np.random.default_rng(2)
    values = SPREADS[spread](random, n)
    columns, counts = np.column_stack([np.ones(n), values, values**2]), counts_of(n)
    found = ExactSums(columns, n).of(counts)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(n)
        assert ExactSums(columns[order], n).of(counts[:, order]).tobytes() == found.tobytes()
    largest = float(np.abs(values).max()) * n
    for sums, exact in zip(found[:, 1], exactly(counts, values), strict=True):
        assert sums == pytest.approx(float(exact), rel=1e-15, abs=largest * 2.0**-100)
    assert (found[:, 0] == n).all()


def test_a_plain_product_of_the_same_rows_depends_on_their_order() -> None:
    n, random = 3_000, np.random.default_rng(2)
    values, counts = random.normal(size=n), counts_of(n).astype(float)
    sums = {(counts[:, order] @ values[order]).tobytes() for order in (np.random.default_rng(seed).permutation(n) for seed in range(5))}
    assert len(sums) > 1


def test_a_value_that_is_no_number_makes_the_sum_of_its_column_none_and_leaves_the_others() -> None:
    columns = np.column_stack([np.arange(5.0), [0.5, np.nan, 1, 1, 1], [np.inf, 1, 1, 1, 1]])
    with np.errstate(invalid="ignore"):
        found = ExactSums(columns, 5).of(np.ones((1, 5), np.uint8))
    assert found[0, 0] == 10
    assert np.isnan(found[0, 1])
    assert not np.isfinite(found[0, 2])
