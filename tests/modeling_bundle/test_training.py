"""Training: targets, weights, small data and early stopping, each with a defined behaviour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.modeling.signature import ModelingError
from mlops_assets.modeling.training import Trained

SIMPLE = {"age": "int64", "income": "float64"}


def test_the_holdout_changes_nothing_that_is_learned(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    estimator = {"lightgbm": {"early_stopping_rounds": 5}}
    before = learn(people, estimator=estimator, tune={"trials": 3}).bundle
    holdout = people["__split"] == "holdout"
    people.loc[holdout, "age"] = 1
    people.loc[holdout, "job"] = "astronaut"
    people.loc[holdout, "__target"] = False

    assert learn(people, estimator=estimator, tune={"trials": 3}).bundle.digest == before.digest


def test_the_classes_are_negative_then_positive(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    people["__target"] = np.where(people["__target"], "a_yes", "no")

    trained = learn(people, positive="a_yes")

    assert trained.bundle.classes == ("no", "a_yes")
    assert trained.rows == 450 == sum(trained.classes.values())
    old, young = trained.bundle.predict(people.assign(age=75)).mean(), trained.bundle.predict(people.assign(age=20)).mean()
    assert old > 0.8 > 0.2 > young


def test_numbers_and_booleans_know_their_positive_value(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    assert learn(people).bundle.classes == (False, True)
    assert learn(people.assign(__target=people["__target"].astype("int64"))).bundle.classes == (0, 1)


@pytest.mark.parametrize(
    ("values", "spec", "message"),
    [
        (["yes", "no"], {}, "positive: yes"),
        (["yes", "no"], {"positive": "ja"}, "does not hold"),
        (["a", "b", "c"], {"positive": "a"}, "multiclass_classification"),
        (["a"], {"positive": "a"}, "only the class 'a'"),
        ([True], {}, "nothing to tell apart"),
        ([1, None], {}, "no target"),
        (["a", "b"], {"task": "regression"}, "must be a number"),
        ([1.0, np.inf], {"task": "regression"}, "infinite"),
        (["a"], {"task": "multiclass_classification"}, "nothing to tell apart"),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused(
    values: list[Any], spec: dict[str, Any], message: str, people: pd.DataFrame, learn: Callable[..., Trained]
) -> None:
    people["__target"] = [values[i % len(values)] for i in range(len(people))]

    with pytest.raises(ModelingError, match=message):
        learn(people, **spec)


def test_no_training_rows_is_refused(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    with pytest.raises(ModelingError, match="no training rows"):
        learn(people.assign(__split="holdout"))


@pytest.mark.parametrize("rows", [2, 5, 12, 40, 99])
@pytest.mark.parametrize("task", ["binary_classification", "regression"])
def test_small_data_gives_a_model(rows: int, task: str, people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    few = people.iloc[:rows].copy()
    few["__target"] = (few["age"] > few["age"].median()) if task.startswith("binary") else few["age"] * 1.0

    score = learn(few, task=task).bundle.predict(few)

    assert np.isfinite(score).all()
    if rows >= 40:
        assert np.corrcoef(score, few["age"])[0, 1] > 0.7


def test_a_feature_without_any_value_is_kept_and_reported(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    people["income"] = np.nan

    trained = learn(people)

    assert "income" in trained.bundle.signature.names
    assert any("'income' has no value" in note for note in trained.notes)
    assert not learn(people.assign(income=1.0)).notes


def test_balanced_weights_raise_a_rare_class(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    people["__target"] = (people["age"] > 70) & (np.arange(len(people)) % 3 == 0)
    plain, balanced = (learn(people, weights=w, calibrate="none").bundle.predict(people).mean() for w in ("none", "balanced"))

    assert balanced > plain


def test_a_half_life_follows_the_newer_rows(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    people["__weight"] = 0.5 ** ((449 - np.arange(len(people))) / 20)
    people["__target"] = np.where(np.arange(len(people)) < 225, people["age"] > 48, people["age"] < 48)
    oldest = people.assign(age=75)

    plain, recent = (learn(people, weights=weights).bundle.predict(oldest).mean() for weights in ("none", {"half_life": "20d"}))

    assert recent < 0.2 < plain


def test_rows_of_weight_zero_are_as_if_they_were_not_there_for_a_linear_model(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    people["__target"] = people["age"] * 2.0
    people.loc[::2, "__target"] = -1000.0
    people["__weight"] = np.where(np.arange(len(people)) % 2 == 0, 0.0, 3.0)

    bundle = learn(
        people,
        types={"age": "int64"},
        task="regression",
        weights="importance",
        estimator={"sklearn": "sklearn.linear_model.LinearRegression"},
    ).bundle

    assert bundle.predict(pd.DataFrame({"age": [50]}))[0] == pytest.approx(100)


@pytest.mark.parametrize(
    ("spec", "weight", "message"),
    [
        ({"weights": "balanced", "task": "regression"}, None, "needs? classes"),
        ({"weights": "importance"}, None, "carries no weights"),
        ({"weights": "importance"}, -1.0, "negative"),
        ({"weights": "importance"}, np.nan, "missing"),
        ({"weights": "importance"}, 0.0, "all weights are 0"),
        ({"weights": {"half_life": "30d"}}, None, "carries no weights"),
        ({"weights": "balanced", "estimator": {"sklearn": "sklearn.neighbors.KNeighborsClassifier"}}, None, "takes no sample weights"),
    ],
)
def test_weights_that_make_no_sense_are_refused(
    spec: dict[str, Any], weight: float | None, message: str, people: pd.DataFrame, learn: Callable[..., Trained]
) -> None:
    if weight is not None:
        people["__weight"] = weight

    with pytest.raises(ModelingError, match=message):
        learn(people, **spec)


def test_early_stopping_settles_on_fewer_trees_and_learns_from_all_rows(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    bundle = learn(people, estimator={"lightgbm": {"early_stopping_rounds": 10, "num_boost_round": 300}}).bundle

    assert 1 <= bundle.params["num_boost_round"] < 300
    assert bundle.rows == 450


def test_a_null_is_allowed_in_requests_where_the_data_has_some(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    nullable = {f.name: f.nullable for f in learn(people).bundle.signature.features}

    assert nullable["income"]
    assert nullable["job"]
    assert not nullable["age"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"num_leafs": 3}, "Did you mean 'num_leaf"),
        ({"seed": 3}, "training.seed"),
        ({"num_threads": 3}, "set by training itself"),
        ({"input_model": "/etc/passwd"}, "no parameter"),
        ({"num_leaves": 3, "max_leaves": 4}, "given twice"),
        ({"objective": "regression"}, "does not fit"),
        ({"num_leaves": "many"}, "refuses to train"),
        ({"num_leaves": 0}, "refuses to train"),
        ({"monotone_constraints": {"aeg": 1}}, "Did you mean 'age'"),
    ],
)
def test_a_lightgbm_parameter_that_cannot_be_is_refused(
    params: dict[str, Any], message: str, people: pd.DataFrame, learn: Callable[..., Trained]
) -> None:
    with pytest.raises(ModelingError, match=message):
        learn(people, types=SIMPLE, estimator={"lightgbm": params})


def test_a_monotone_constraint_by_name_holds(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    bundle = learn(people, types=SIMPLE, estimator={"lightgbm": {"monotone_constraints": {"age": -1}}}).bundle

    score = bundle.predict(pd.DataFrame({"age": range(18, 80), "income": 20.0}))

    assert (np.diff(score) <= 0).all()
    assert (np.diff(learn(people, types=SIMPLE).bundle.predict(pd.DataFrame({"age": range(18, 80), "income": 20.0}))) > 0).any()
