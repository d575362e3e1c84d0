"""Statistics equal SciPy's and Evidently's on the same rows; their nulls fit the sizes of the samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlops_assets.monitoring import statistics
from mlops_assets.monitoring.sketch import POINTS, Categories, ColumnSketch, Numbers, sketch_column

SHAPES = {
    "normal": lambda random, n: random.normal(size=n),
    "moved": lambda random, n: random.normal(0.3, 1.4, size=n),
    "heavy": lambda random, n: random.lognormal(0, 2, size=n),
    "counts": lambda random, n: random.poisson(3, size=n).astype(float),
    "mostly zero": lambda random, n: np.where(random.random(n) < 0.8, 0.0, random.normal(size=n)),
    "constant": lambda random, n: np.full(n, 4.2),
}


def column(values: np.ndarray, *, exact: bool = True) -> ColumnSketch:
    return sketch_column("x", "float64", pa.array(values), exact=exact)


def pairs() -> list[tuple[str, np.ndarray, np.ndarray]]:
    random = np.random.default_rng(3)
    return [(f"{a} / {b}", SHAPES[a](random, 12_000), SHAPES[b](random, 1_700)) for a in SHAPES for b in SHAPES]


@pytest.mark.parametrize("name, old, new", pairs(), ids=[name for name, _, _ in pairs()])
def test_numbers_equal_scipy_and_evidently(name: str, old: np.ndarray, new: np.ndarray) -> None:
    from evidently.legacy.calculations.stattests.jensenshannon import _jensenshannon
    from evidently.legacy.calculations.stattests.ks_stattest import _ks_stat_test
    from evidently.legacy.calculations.stattests.psi import _psi
    from evidently.legacy.calculations.stattests.wasserstein_distance_norm import _wasserstein_distance_norm
    from evidently.legacy.core import ColumnType

    a, b = column(old), column(new)
    before, after, kind = pd.Series(old), pd.Series(new), ColumnType.Numerical
    assert a.numbers is not None
    assert b.numbers is not None
    ks = statistics.ks(a.numbers, b.numbers)
    found = stats.ks_2samp(old, new)
    assert ks == pytest.approx(found.statistic, abs=1e-12)
    assert statistics.ks_probability(ks, len(old), len(new)) == pytest.approx(found.pvalue, rel=1e-9, abs=1e-300)
    assert found.pvalue == _ks_stat_test(before, after, kind, 0.05)[0]
    expected = _wasserstein_distance_norm(before, after, kind, 0.1)[0]
    assert statistics.wasserstein(a.numbers, b.numbers) == pytest.approx(expected, rel=1e-11, abs=1e-13)
    if name != "constant / constant":
        old_share, new_share = statistics.shares(a, b)
        assert statistics.psi(old_share, new_share) == pytest.approx(_psi(before, after, kind, 0.1)[0], rel=1e-10, abs=1e-12)
        expected = _jensenshannon(before, after, kind, 0.1)[0]
        assert statistics.jensen_shannon(old_share, new_share) == pytest.approx(expected, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("n", [20_001, 60_000, 500_000])
@pytest.mark.parametrize("scaled", [0.5, 1.0, 1.6, 2.5])
def test_the_probability_of_a_ks_distance_of_many_rows_is_the_exact_one(n: int, scaled: float) -> None:
    distance = scaled / np.sqrt(n)
    assert statistics.ks_probability(distance, 2 * n, 2 * n) == pytest.approx(stats.kstwo.sf(distance, n), abs=1e-6)


def test_categories_equal_scipy_and_evidently() -> None:
    from evidently.legacy.calculations.stattests.chisquare_stattest import _chi_stat_test
    from evidently.legacy.calculations.stattests.jensenshannon import _jensenshannon
    from evidently.legacy.calculations.stattests.psi import _psi
    from evidently.legacy.core import ColumnType

    random = np.random.default_rng(5)
    old = random.choice(["a", "b", "c", "d"], p=[0.5, 0.3, 0.15, 0.05], size=9_000)
    new = random.choice(["a", "b", "c", "d"], p=[0.45, 0.3, 0.15, 0.1], size=1_200)
    a, b = (sketch_column("x", "category", pa.array(values), exact=True) for values in (old, new))
    assert a.categories is not None
    assert b.categories is not None
    before, after, kind = pd.Series(old), pd.Series(new), ColumnType.Categorical
    old_share, new_share = statistics.shares(a, b)
    assert statistics.psi(old_share, new_share) == pytest.approx(_psi(before, after, kind, 0.1)[0], rel=1e-10)
    assert statistics.jensen_shannon(old_share, new_share) == pytest.approx(_jensenshannon(before, after, kind, 0.1)[0], rel=1e-10)
    counts = statistics.align(a.categories, b.categories)
    assert statistics.chi_square_fit(*counts)[1] == pytest.approx(_chi_stat_test(before, after, kind, 0.05)[0], rel=1e-9)
    expected = stats.chi2_contingency(np.vstack(counts), correction=False)
    value, p = statistics.chi_square(*counts, seed=1)
    assert value == pytest.approx(expected.statistic, rel=1e-9)
    assert p == pytest.approx(expected.pvalue, rel=1e-9)


@pytest.mark.parametrize("shape", ["normal", "heavy", "mostly zero"])
def test_a_sketch_of_200_000_rows_stands_for_all_of_them(shape: str) -> None:
    random = np.random.default_rng(1)
    old, new = SHAPES[shape](random, 200_000), SHAPES["moved"](random, 3_000)
    whole, sketch, current = column(old), column(old, exact=False), column(new)
    again = ColumnSketch.from_json(sketch.to_json())
    assert again.to_json() == sketch.to_json()
    assert again.numbers is not None
    assert whole.numbers is not None
    assert current.numbers is not None
    assert len(again.numbers.values) <= POINTS
    exact = statistics.ks(whole.numbers, current.numbers)
    assert statistics.ks(again.numbers, current.numbers) == pytest.approx(exact, abs=1e-4)
    exact, near = (statistics.psi(*statistics.shares(s, current)) for s in (whole, again))
    assert near == pytest.approx(exact, rel=0.005)
    if shape != "heavy":
        exact, near = (statistics.wasserstein(n, current.numbers) for n in (whole.numbers, again.numbers))
        assert near == pytest.approx(exact, abs=0.002)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
@settings(max_examples=150, deadline=None)
def test_ks_and_wasserstein_equal_scipy_on_any_numbers(old: list[float], new: list[float]) -> None:
    a, b = Numbers.of(np.array(old)), Numbers.of(np.array(new))
    assert statistics.ks(a, b) == pytest.approx(stats.ks_2samp(old, new, method="asymp").statistic, abs=1e-12)
    expected = stats.wasserstein_distance(old, new) / max(np.std(old), 0.001)
    assert statistics.wasserstein(a, b) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert statistics.ks(a.compact(), b) == pytest.approx(statistics.ks(a, b), abs=1e-12)
    assert statistics.wasserstein(a.compact(), b) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.dictionaries(st.integers(0, 20), st.floats(0, 1), min_size=1))
def test_adjusted_probabilities_are_those_of_scipy(probabilities: dict[int, float]) -> None:
    found = statistics.adjusted(probabilities)
    expected = stats.false_discovery_control(list(probabilities.values()), method="bh")
    assert list(found.values()) == pytest.approx(list(expected))


def test_rare_categories_in_a_small_window_do_not_alarm_by_being_rare() -> None:
    random = np.random.default_rng(11)
    share = 1 / np.arange(1, 41)
    share /= share.sum()
    names = np.array([f"v{place}" for place in range(40)])
    old = Categories.of(pa.array(random.choice(names, p=share, size=5_000)))
    alarms = 0
    for seed in range(100):
        new = Categories.of(pa.array(random.choice(names, p=share, size=60)))
        alarms += statistics.chi_square(*statistics.align(old, new), seed=seed)[1] < 0.05
    assert alarms <= stats.binom.ppf(0.9995, 100, 0.05)


def test_new_values_are_expected_where_values_are_often_new() -> None:
    random = np.random.default_rng(2)
    common = Categories.of(pa.array(random.choice(["a", "b"], size=5_000)))
    assert statistics.unseen_probability(5, 500, common.singletons, common.n) < 1e-4
    keys = Categories.of(pa.array([f"k{value}" for value in random.zipf(1.5, size=5_000)]))
    new = Categories.of(pa.array([f"k{value}" for value in random.zipf(1.5, size=500)]))
    unseen = sum(count for value, count in new.counts.items() if value not in keys.counts)
    assert unseen > 10
    assert statistics.unseen_probability(unseen, 500, keys.singletons, keys.n) > 0.01


def test_the_same_rows_give_the_same_sketch_in_any_order() -> None:
    random = np.random.default_rng(4)
    values = np.r_[random.normal(size=9_000), np.nan, np.inf]
    assert column(values, exact=False).to_json() == column(random.permutation(values), exact=False).to_json()
    texts = random.choice(["a", "b", "c"], size=500)
    a, b = (sketch_column("t", "string", pa.array(order)).to_json() for order in (texts, texts[::-1]))
    assert a == b


def test_many_categories_are_kept_bounded_and_counted_whole() -> None:
    names = [f"v{place % 1500}" for place in range(18_000)] + ["often"] * 50 + ["once"]
    sketch = sketch_column("c", "category", pa.array(names))
    assert sketch.categories is not None
    assert len(sketch.categories.counts) == 1000
    assert next(iter(sketch.categories.counts)) == "often"
    assert sum(sketch.categories.counts.values()) + sketch.categories.other == 18_051


def test_of_too_many_categories_the_rare_ones_are_not_named() -> None:
    keys = sketch_column("c", "category", pa.array([f"v{place}" for place in range(5_000)] + ["often"] * 10))
    assert keys.categories is not None
    assert dict(keys.categories.counts) == {"often": 10}
    assert keys.categories.other == 5_000


def test_booleans_dictionaries_and_missing_values_are_read() -> None:
    column_ = pa.array([True, None, False, True])
    sketch = sketch_column("b", "bool", column_)
    assert sketch.missing == 1
    assert sketch.categories is not None
    assert dict(sketch.categories.counts) == {"true": 2, "false": 1}
    encoded = sketch_column("b", "category", pa.array(["x", "y", "x", None]).dictionary_encode())
    assert encoded.categories is not None
    assert dict(encoded.categories.counts) == {"x": 2, "y": 1}
