"""A model trained again from the same rows, spec and seed is the same model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from mlops_assets.modeling.rebuild import compare
from mlops_assets.modeling.training import Trained

SIMPLE = {"age": "int64", "income": "float64", "job": "category"}


@pytest.mark.parametrize(
    "params",
    [
        {"bagging_fraction": 0.7, "bagging_freq": 1, "feature_fraction": 0.7},
        {"boosting": "dart"},
        {"extra_trees": True},
        {"data_sample_strategy": "goss"},
        {"linear_tree": True},
        {"early_stopping_rounds": 5},
    ],
    ids=str,
)
def test_lightgbm_has_the_same_trees_on_one_and_on_two_threads(
    params: dict[str, Any], people: pd.DataFrame, learn: Callable[..., Trained]
) -> None:
    one, two = (learn(people, types=SIMPLE, estimator={"lightgbm": {"num_boost_round": 40, **params}}, threads=n).bundle for n in (1, 2))

    assert one.trees_digest == two.trees_digest
    assert compare(one, two, people).status == "pass"


def test_other_code_leaves_the_trees_and_is_named(people: pd.DataFrame, learn: Callable[..., Trained], provenance: Any) -> None:
    one, two = learn(people, types=SIMPLE).bundle, learn(people, types=SIMPLE).bundle
    later = replace(
        two, digest="0" * 64, provenance=replace(two.provenance, code_version="2", libraries={**two.provenance.libraries, "numpy": "9"})
    )

    found = compare(one, later, people)

    assert (found.status, found.by) == ("pass", "trees")
    assert found.differs == ("code_version", "libraries: numpy")


def test_another_seed_or_row_is_another_model(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    forest = {"sklearn": {"name": "sklearn.ensemble.RandomForestClassifier", "params": {"n_estimators": 5}}}
    for estimator, by in (({"lightgbm": {"extra_trees": True}}, "trees"), (forest, "predictions")):
        one, two = (learn(people, types=SIMPLE, estimator=estimator, seed=seed).bundle for seed in (1, 2))
        found = compare(one, two, people)
        assert (found.status, found.by) == ("fail", by)


def test_without_a_row_to_compare_on_there_is_no_answer(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    forest = {"sklearn": {"name": "sklearn.ensemble.RandomForestClassifier", "params": {"n_estimators": 5}}}
    one, two = (learn(people, types=SIMPLE, estimator=forest, seed=seed).bundle for seed in (1, 2))

    assert compare(one, two, people.iloc[:0]).status == "inconclusive"
