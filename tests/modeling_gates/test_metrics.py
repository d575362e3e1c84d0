from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mlops_assets.errors import MlopsError
from mlops_assets.modeling.bootstrap import Blocks, draw
from mlops_assets.modeling.metrics import metric_of, metrics_of

BINARY = {
    "roc_auc": lambda y, p, w: sk.roc_auc_score(y, p, sample_weight=w),
    "pr_auc": lambda y, p, w: sk.average_precision_score(y, p, sample_weight=w),
    "log_loss": lambda y, p, w: sk.log_loss(y, p, sample_weight=w),
    "brier": lambda y, p, w: sk.brier_score_loss(y, p, sample_weight=w),
    "accuracy": lambda y, p, w: sk.accuracy_score(y, p >= 0.5, sample_weight=w),
    "precision": lambda y, p, w: sk.precision_score(y, p >= 0.5, sample_weight=w, zero_division=0),
    "recall": lambda y, p, w: sk.recall_score(y, p >= 0.5, sample_weight=w),
    "f1": lambda y, p, w: sk.f1_score(y, p >= 0.5, sample_weight=w),
    "balanced_accuracy": lambda y, p, w: sk.balanced_accuracy_score(y, p >= 0.5, sample_weight=w),
}
MULTICLASS = {
    "accuracy": lambda y, p, w: sk.accuracy_score(y, p.argmax(1), sample_weight=w),
    "balanced_accuracy": lambda y, p, w: sk.balanced_accuracy_score(y, p.argmax(1), sample_weight=w),
    "f1_macro": lambda y, p, w: sk.f1_score(y, p.argmax(1), average="macro", sample_weight=w),
    "log_loss": lambda y, p, w: sk.log_loss(y, p, sample_weight=w, labels=range(p.shape[1])),
    "roc_auc_ovr": lambda y, p, w: sk.roc_auc_score(y, p, multi_class="ovr", sample_weight=w),
}
REGRESSION = {
    "rmse": lambda y, p, w: sk.root_mean_squared_error(y, p, sample_weight=w),
    "mae": lambda y, p, w: sk.mean_absolute_error(y, p, sample_weight=w),
    "r2": lambda y, p, w: sk.r2_score(y, p, sample_weight=w),
    "median_ae": lambda y, p, w: sk.median_absolute_error(y, p) if w is None else np.median(np.repeat(abs(y - p), w.astype(int))),
    "mape": lambda y, p, w: sk.mean_absolute_percentage_error(y, p, sample_weight=w),
    "bias": lambda y, p, w: np.average(p - y, weights=w),
    "wape": lambda y, p, w: np.average(abs(p - y), weights=w) / np.average(abs(y), weights=w),
}
ORACLES = {"binary_classification": BINARY, "multiclass_classification": MULTICLASS, "regression": REGRESSION}


def rows_of(task: str, seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    if task == "binary_classification":
        y = np.r_[0, 1, random.integers(0, 2, n - 2)]
        return y, np.clip(np.round(0.5 + 0.2 * (y - 0.5) + 0.2 * random.normal(size=n), 2), 0.01, 0.99)
    if task == "multiclass_classification":
        y = np.r_[np.arange(4), random.integers(0, 4, n - 4)]
        p = np.round(random.random((n, 4)) + np.eye(4)[y], 1) + 0.05
        return y, p / p.sum(axis=1, keepdims=True)
    y = random.normal(5, 2, n)
    return y, y + random.normal(0.3, 1, n)


@pytest.mark.parametrize(("task", "name"), [(task, name) for task, oracles in ORACLES.items() for name in oracles])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), weighted=st.booleans())
def test_a_metric_equals_scikit_learns_with_ties_and_weights(task: str, name: str, seed: int, weighted: bool) -> None:
    y, p = rows_of(task, seed)
    weight = np.random.default_rng(seed + 1).integers(1, 5, len(y)).astype(float) if weighted else None
    expected = ORACLES[task][name](y, p, weight)
    assert metric_of(name, task).compute(y, p, weight) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_every_metric_of_the_language_has_an_oracle_here() -> None:
    assert {task: {m.name for m in metrics_of(task)} for task in ORACLES} == {task: set(oracles) for task, oracles in ORACLES.items()}


@pytest.mark.parametrize("task", list(ORACLES))
def test_a_weight_counts_as_so_many_copies_of_the_row(task: str) -> None:
    y, p = rows_of(task, 3)
    weight = np.random.default_rng(4).integers(0, 4, len(y)).astype(float)
    copied = np.repeat(np.arange(len(y)), weight.astype(int))
    for metric in metrics_of(task):
        assert metric.compute(y, p, weight) == pytest.approx(metric.compute(y[copied], p[copied]), rel=1e-9)


@pytest.mark.parametrize("name", ["roc_auc", "pr_auc", "recall", "balanced_accuracy"])
def test_one_class_has_no_value_rather_than_a_good_one(name: str) -> None:
    value = metric_of(name, "binary_classification").compute(np.zeros(10), np.linspace(0, 0.4, 10))
    assert np.isnan(value)


@pytest.mark.parametrize("task", list(ORACLES))
def test_no_rows_have_no_value(task: str) -> None:
    y, p = rows_of(task, 1)
    assert all(np.isnan(metric.compute(y[:0], p[:0])) for metric in metrics_of(task))


def test_a_class_that_the_model_does_not_know_counts_as_probability_zero() -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert metric_of("log_loss", "multiclass_classification").compute(np.array([0, -1]), p) > 15
    assert metric_of("accuracy", "multiclass_classification").compute(np.array([0, -1]), p) == 0.5


def test_bias_is_better_the_nearer_to_zero() -> None:
    bias = metric_of("bias", "regression")
    assert bias.improvement(np.array(-0.5), np.array(2.0)) == 1.5
    assert metric_of("rmse", "regression").improvement(np.array(1.0), np.array(3.0)) == 2.0
    assert metric_of("r2", "regression").improvement(np.array(0.9), np.array(0.5)) == pytest.approx(0.4)


def test_an_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(MlopsError, match="Did you mean 'roc_auc'"):
        metric_of("roc_acu", "binary_classification")


@pytest.mark.parametrize("task", list(ORACLES))
def test_resampling_blocks_equals_computing_on_the_copied_rows(task: str) -> None:
    y, p = rows_of(task, 5, n=60)
    blocks = Blocks(np.arange(60) % 12, 12, "entity")
    found = draw({m.name: m.prepare(y, p) for m in metrics_of(task)}, blocks, seed=9, resamples=7)
    random = np.random.default_rng(9)
    drawn = random.integers(0, 12, size=(7, 12))
    for resample, chosen in enumerate(drawn):
        rows = np.concatenate([np.flatnonzero(blocks.code == block) for block in chosen])
        for metric in metrics_of(task):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = metric.compute(y[rows], p[rows])
            assert found[metric.name].resampled[resample] == pytest.approx(expected, rel=1e-9), metric.name
