"""The search: same seed same trials, pruned by fold, ended by time, errors that say what to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.modeling.estimators.lightgbm_parameters import SPACE
from mlops_assets.modeling.signature import ModelingError
from mlops_assets.modeling.training import Trained
from mlops_assets.modeling.tuning import Trial

LOGISTIC = {"sklearn": ["sklearn.preprocessing.StandardScaler", "sklearn.linear_model.LogisticRegression"]}
C = {"C": {"low": 0.001, "high": 10, "log": True}}
SIMPLE = {"age": "int64", "income": "float64", "job": "category"}


def timeless(trials: tuple[Trial, ...]) -> list[Any]:
    return [(t.number, t.params, t.value, t.state, t.folds) for t in trials]


def test_the_same_seed_gives_the_same_trials_and_another_one_others(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    first, again = (learn(people, types=SIMPLE, tune={"trials": 8}) for _ in range(2))
    other = learn(people, types=SIMPLE, tune={"trials": 8}, seed=8)

    assert timeless(first.trials) == timeless(again.trials)
    assert first.bundle.digest == again.bundle.digest
    assert timeless(first.trials)[1:] != timeless(other.trials)[1:]


def test_the_first_trial_is_the_spec_and_the_best_one_is_used(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    seen: list[Trial] = []
    trained = learn(people, types=SIMPLE, tune={"trials": 8}, on_trial=seen.append)

    assert tuple(seen) == trained.trials
    assert trained.trials[0].params == {}
    assert set(trained.trials[1].params) == set(SPACE)
    best = max((t for t in trained.trials if t.value is not None), key=lambda t: t.value or 0)
    assert best.params.items() <= trained.params.items()
    assert all(t.seconds > 0 for t in trained.trials)


def test_hopeless_trials_are_pruned_before_their_last_fold(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    space = {"num_boost_round": {"choices": [1, 80]}, "num_leaves": {"choices": [2, 15]}}
    trials = learn(people, types=SIMPLE, tune={"trials": 20, "folds": 4, "space": space}).trials

    pruned = [t for t in trials if t.state == "pruned"]
    assert pruned
    assert all(t.value is None and len(t.folds) < 4 for t in pruned)


def test_no_trial_starts_after_the_time_limit(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    assert len(learn(people, types=SIMPLE, tune={"trials": 500, "timeout": "0s"}).trials) == 1


def test_a_loss_is_minimised(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    people["__target"] = people["age"] + people["income"].fillna(0)
    trained = learn(people, types=SIMPLE, task="regression", tune={"trials": 6, "metric": "mae"})

    values = [t.value for t in trained.trials if t.value is not None]
    used = next(t for t in trained.trials if t.value == min(values))
    assert used.params.items() <= trained.params.items()


def test_the_space_of_a_pipeline_reaches_its_last_step(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    trained = learn(people, types=SIMPLE, estimator=LOGISTIC, tune={"trials": 6, "space": C, "metric": "log_loss"})

    chosen = trained.bundle.fitted.estimator.steps[-1][1].C  # type: ignore[attr-defined]
    assert chosen == trained.params.get("tuned", {}).get("C", 1.0)
    assert len({t.params.get("C") for t in trained.trials}) == 6


def test_a_failing_setting_fails_its_trial_alone(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    trained = learn(
        people, types=SIMPLE, estimator=LOGISTIC, tune={"trials": 6, "space": {"solver": {"choices": ["lbfgs", "no_such_solver"]}}}
    )

    failed = [t for t in trained.trials if t.state == "failed"]
    assert failed
    assert "solver" in (failed[0].message or "")


def test_dated_rows_are_searched_forward_in_time(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    people["__as_of"] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(600) // 10, unit="D")
    people["__label_end"] = people["__as_of"] + pd.Timedelta(days=5)

    assert len(learn(people, types=SIMPLE, tune={"trials": 2, "folds": 3}).trials[0].folds) == 3


@pytest.mark.parametrize(
    ("estimator", "tune", "message"),
    [
        (LOGISTIC, {}, "no default search space"),
        (LOGISTIC, {"space": {"CC": {"low": 0, "high": 1}}}, "no parameter"),
        ({"lightgbm": {}}, {"space": {"num_leafs": {"low": 2, "high": 4}}}, "Did you mean"),
        ({"lightgbm": {}}, {"metric": "rmse"}, "can optimise"),
        ({"lightgbm": {}}, {"metric": "roc_acu"}, "Did you mean 'roc_auc'"),
        ({"lightgbm": {}}, {"space": {"lambda_l2": {"low": 0, "high": 4, "log": True}}}, "starts above 0"),
        ({"lightgbm": {}}, {"space": {"num_leaves": {"low": 2.2, "high": 2.8, "whole": True}}}, "no whole number"),
        ({"lightgbm": {}}, {"timeout": "1 month"}, "no fixed length"),
        ({"lightgbm": {}}, {"space": {"objective": {"choices": ["binary", "regression"]}}}, "none of 4 trials|does not fit"),
    ],
)
def test_a_search_that_cannot_be_is_refused(
    estimator: Any, tune: dict[str, Any], message: str, people: pd.DataFrame, learn: Callable[..., Trained]
) -> None:
    if "objective" in (tune.get("space") or {}):
        tune = {**tune, "space": {"objective": {"choices": ["regression"]}}}
    with pytest.raises(ModelingError, match=message):
        learn(people, types=SIMPLE, estimator=estimator, tune={"trials": 4, **tune})
