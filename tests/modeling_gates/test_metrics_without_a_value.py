"""Where a metric has no honest number it is none, and what counts against a model is not left out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from mlops_assets.modeling.bootstrap import Blocks, draw
from mlops_assets.modeling.metrics import metric_of

from .cases import judged, model_of, scored_set

Y, P = np.array([1.0, 2.0, 0.0, 4.0]), np.array([1.5, 2.0, 1.0, 3.0])


def test_mape_of_targets_with_a_zero_is_no_number_and_wape_is_one() -> None:
    assert math.isnan(metric_of("mape", "regression").compute(Y, P))
    assert metric_of("mape", "regression").compute(Y, P, np.array([1.0, 1.0, 0.0, 1.0])) == pytest.approx((0.5 + 0 + 0.25) / 3)
    assert metric_of("wape", "regression").compute(Y, P) == pytest.approx(2.5 / 7)
    assert math.isnan(metric_of("wape", "regression").compute(Y * 0, P))


def test_a_zero_among_the_targets_leaves_no_resample_a_number() -> None:
    draws = draw({"mape": metric_of("mape", "regression").prepare(Y, P)}, Blocks(np.arange(4), 4, "row"), seed=1)["mape"]
    assert math.isnan(draws.value)


def test_a_gate_on_mape_says_why_there_is_no_number_and_what_has_one() -> None:
    y = np.random.default_rng(0).normal(10, 2, 300).round()
    y[7] = 0
    rows, bundle = scored_set(y, y + 0.1, task="regression")
    result = judged(model_of("regression", [{"metric": "mape", "at_most": 0.1}]), bundle, rows, "mape")
    assert (result.status, result.observed) == ("inconclusive", None)
    assert "wape" in result.detail
    again = judged(model_of("regression", [{"metric": "wape", "at_most": 0.1}]), bundle, rows, "wape")
    assert again.status == "pass"


@pytest.mark.parametrize(("y", "seen"), [([0, 0, 1, -1], 3), ([0, 1, -1, -1], 3), ([0, 0, -1, -1], 2), ([0, 1, 2, 2], 3)])
def test_a_class_that_training_never_saw_counts_as_never_found(y: list[int], seen: int) -> None:
    p = np.eye(3)[[0, 0, 1, 2]] * 0.9 + 0.03
    called = p.argmax(1)
    found = metric_of("balanced_accuracy", "multiclass_classification").compute(np.array(y), p)
    assert found == pytest.approx(balanced_accuracy_score(y, called))
    assert found == pytest.approx(sum(np.mean(called[np.array(y) == k] == k) for k in {*y}) / seen)
    f1 = metric_of("f1_macro", "multiclass_classification").compute(np.array(y), p)
    assert f1 == pytest.approx(f1_score(y, called, average="macro", zero_division=0))


@pytest.mark.parametrize("zero", [True, False])
def test_files_of_outcomes_are_measured_alike(zero: bool) -> None:
    from mlops_assets.monitoring.streaming import _regression, _statistics

    y = Y if zero else Y + 1
    losses = _regression(y, P)
    sums = np.stack([*losses.values()], axis=1)
    found = {name: float(s.at(np.ones((1, len(y))))[0]) for name, s in _statistics("regression", tuple(losses), sums, None).items()}
    for name in ("mape", "wape"):
        assert found[name] == pytest.approx(metric_of(name, "regression").compute(y, P), nan_ok=True)
