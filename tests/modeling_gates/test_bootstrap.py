from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from mlops_assets.modeling import bootstrap
from mlops_assets.modeling.bootstrap import Blocks, Resampling, choose_blocks, draw, effective_n, interval
from mlops_assets.modeling.calibration import Claims, bins_of, calibration_error
from mlops_assets.modeling.metrics import metric_of, metrics_of

from .cases import ranked


def rows(n: int) -> Blocks:
    return Blocks(np.arange(n), n, "row")


def interval_of(metric: str, y: np.ndarray, p: np.ndarray, blocks: Blocks, *, task: str = "binary_classification", seed: int = 1, **more):
    found = draw({"m": metric_of(metric, task).prepare(y, p)}, blocks, seed=seed, resamples=400)["m"]
    return interval(found, blocks, blocks.n, **more)


def test_the_interval_of_an_auc_holds_the_truth_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(120):
        y, p = ranked(0.75, 200, seed=seed)
        low, high = interval_of("roc_auc", y, p, rows(200)).bounds
        hits += low <= 0.75 <= high
    assert 108 <= hits <= 119


def test_blocks_of_entities_keep_the_coverage_that_drawing_rows_loses() -> None:
    """25 entities of 20 rows that share most of their value: rows would claim far too narrow an interval."""
    covered = {"block": 0, "row": 0}
    for seed in range(120):
        random = np.random.default_rng(seed)
        y = np.repeat(random.normal(0, 1, 25), 20) + random.normal(0, 0.3, 500)
        zero = np.zeros(500)
        for kind, blocks in (("block", Blocks(np.repeat(np.arange(25), 20), 25, "entity")), ("row", rows(500))):
            low, high = interval_of("bias", y, zero, blocks, task="regression").bounds
            covered[kind] += low <= 0 <= high
    assert covered["block"] >= 106
    assert covered["row"] < 72


def test_a_calibrated_model_is_not_called_miscalibrated_because_of_noise() -> None:
    """The plain gap of 300 calibrated rows is about 0.06 by noise alone; the error is what is left beyond that."""
    low, value = [], {1.0: [], 3.0: []}
    for seed in range(60):
        for sharpness, found in value.items():
            random = np.random.default_rng(seed)
            z = random.normal(size=300)
            claims = Claims(1 / (1 + np.exp(-sharpness * z)), (random.random(300) < 1 / (1 + np.exp(-z))).astype(float))
            error = calibration_error(claims, bins_of(claims, 300), rows(300), 300, 0.95)
            found.append(error.value)
            if sharpness == 1:
                low.append(error.low)
    assert np.mean(value[1.0]) < 0.03
    assert np.mean(value[3.0]) > 0.1
    assert np.mean(np.array(low) == 0) > 0.9


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    y, p = ranked(0.7, 500)
    first, again, other = (interval_of("roc_auc", y, p, rows(500), seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first.bounds != other.bounds
    assert first.value == other.value


def test_a_smaller_confidence_gives_a_narrower_interval() -> None:
    y, p = ranked(0.7, 300)
    wide, narrow = interval_of("roc_auc", y, p, rows(300)), interval_of("roc_auc", y, p, rows(300), confidence=0.8)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


@pytest.mark.parametrize("n", [0, 1])
def test_no_row_or_one_row_has_no_interval(n: int) -> None:
    assert interval_of("accuracy", np.ones(n), np.ones(n), rows(n)).bounds is None


def test_one_class_has_no_interval_of_an_auc() -> None:
    assert interval_of("roc_auc", np.zeros(50), np.linspace(0, 1, 50), rows(50)).bounds is None


def test_five_hundred_resamples_of_ten_thousand_rows_take_seconds() -> None:
    y, p = ranked(0.8, 10_000)
    statistics = {name: metric_of(name, "binary_classification").prepare(y, p) for name in ("roc_auc", "pr_auc", "log_loss")}
    started = time.process_time()
    draw(statistics, rows(10_000), seed=1, resamples=500)
    assert time.process_time() - started < 4


@pytest.mark.parametrize("kept", [True, False])
def test_the_first_resamples_are_the_same_however_many_are_asked_for_and_in_whatever_order(kept: bool, monkeypatch) -> None:
    monkeypatch.setattr(bootstrap, "_CHUNK", 7 * 500)
    if not kept:
        monkeypatch.setattr(bootstrap, "_KEPT", 0)
    y, p = ranked(0.7, 500)
    statistic = {"m": metric_of("roc_auc", "binary_classification").prepare(y, p)}
    again = Resampling(rows(500), 3)
    for resamples in (10, 100, 50):
        expected = draw(statistic, rows(500), seed=3, resamples=100)["m"].resampled[:resamples]
        assert draw(statistic, rows(500), seed=3, resamples=resamples, resampling=again)["m"].resampled.tolist() == expected.tolist()


@pytest.mark.parametrize("task", ["binary_classification", "multiclass_classification", "regression"])
def test_every_metric_of_a_thousand_resamples_of_5700_rows_takes_tenths_of_a_second(task: str) -> None:
    random = np.random.default_rng(1)
    y, p = {
        "binary_classification": lambda: ranked(0.8, 5_700),
        "multiclass_classification": lambda: (random.integers(0, 3, 5_700), random.dirichlet([1, 1, 1], 5_700)),
        "regression": lambda: (random.normal(size=5_700), random.normal(size=5_700)),
    }[task]()
    started = time.process_time()
    draw({m.name: m.prepare(y, p) for m in metrics_of(task)}, rows(5_700), seed=1)
    assert time.process_time() - started < 1


def test_entities_that_occur_twice_are_drawn_whole() -> None:
    blocks = choose_blocks(pd.DataFrame({"id": ["b", "a", "b"]}), None, 3)
    assert (blocks.unit, blocks.count, blocks.code.tolist()) == ("entity", 2, [1, 0, 1])


def test_dated_rows_are_drawn_by_day_where_there_are_enough_days() -> None:
    moments = pd.Series(pd.date_range("2026-01-01", periods=24 * 30, freq="h", tz="UTC"))
    assert choose_blocks(None, moments, 720).unit == "time"
    assert choose_blocks(None, moments, 720).count == 30
    assert choose_blocks(None, moments[:240], 240).count == 20
    assert choose_blocks(None, moments[:19], 19).unit == "row"


def test_undated_rows_without_an_entity_are_drawn_one_by_one() -> None:
    assert choose_blocks(None, pd.Series([pd.NaT] * 5), 5).unit == "row"
    assert choose_blocks(pd.DataFrame({"id": [1, 2, 3]}), None, 3).unit == "row"


def test_identical_rows_of_an_entity_are_worth_one_row() -> None:
    code = np.repeat(np.arange(50), 10)
    values = np.repeat(np.random.default_rng(0).normal(size=50), 10)
    assert effective_n(Blocks(code, 50, "entity"), values) == pytest.approx(50, rel=0.01)


def test_independent_rows_of_an_entity_keep_their_worth() -> None:
    code = np.repeat(np.arange(200), 5)
    values = np.random.default_rng(0).normal(size=1000)
    assert effective_n(Blocks(code, 200, "entity"), values) > 850
    assert effective_n(rows(10), np.arange(10.0)) == 10
