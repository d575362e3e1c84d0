"""Scoring JSON-like rows: strict types, every problem named, the same numbers as in batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.modeling.bundle import Bundle
from mlops_assets.modeling.signature import BundleInputError
from mlops_assets.modeling.training import Trained

GOOD = {
    "age": 40,
    "income": 20.5,
    "job": "baker",
    "member": True,
    "seen": "2026-02-01T10:00:00Z",
    "born": "1986-05-04",
    "city": "Rome",
}


@pytest.fixture
def bundle(people: pd.DataFrame, learn: Callable[..., Trained]) -> Bundle:
    return learn(people, entity=("city",)).bundle


ESTIMATORS: dict[str, Any] = {
    "lightgbm": {"lightgbm": {}},
    "linear": {"sklearn": ["sklearn.preprocessing.StandardScaler", "sklearn.linear_model.LogisticRegression"]},
    "forest": {"sklearn": {"name": "sklearn.ensemble.RandomForestClassifier", "params": {"n_estimators": 10, "n_jobs": -1}}},
    "neighbours": {"sklearn": ["sklearn.preprocessing.StandardScaler", "sklearn.neighbors.KNeighborsClassifier"]},
    "network": {
        "sklearn": ["sklearn.preprocessing.StandardScaler", {"name": "sklearn.neural_network.MLPClassifier", "params": {"max_iter": 20}}]
    },
    "components": {
        "sklearn": [
            "sklearn.preprocessing.StandardScaler",
            {"name": "sklearn.decomposition.PCA", "params": {"n_components": 3}},
            "sklearn.linear_model.LogisticRegression",
        ]
    },
}


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_batch_rows_and_single_rows_agree_bit_by_bit(estimator: Any, people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    bundle = learn(people, estimator=estimator).bundle
    holdout = people[people["__split"] == "holdout"]
    rows = bundle.json_rows(holdout)

    batch = bundle.predict(holdout)

    assert np.array_equal(batch, bundle.predict_rows(rows))
    assert np.array_equal(batch, np.concatenate([bundle.predict_rows([row]) for row in rows]))
    assert np.array_equal(batch[::-1], bundle.predict(holdout.iloc[::-1]))


@pytest.mark.parametrize(("task", "shape"), [("multiclass_classification", (150, 3)), ("regression", (150,))])
def test_other_tasks_agree_too(task: str, shape: tuple[int, ...], people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    people["__target"] = people["age"] // 30 if task.startswith("multi") else people["age"] * 1.5
    bundle = learn(people, task=task).bundle
    holdout = people[people["__split"] == "holdout"]

    batch = bundle.predict(holdout)

    assert batch.shape == shape
    assert np.array_equal(batch, np.concatenate([bundle.predict_rows([row]) for row in bundle.json_rows(holdout)]))


def test_no_rows_give_no_predictions(bundle: Bundle, people: pd.DataFrame) -> None:
    assert bundle.predict_rows([]).shape == (0,)
    assert bundle.predict(people.iloc[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("age", 40.5, "whole number"),
        ("age", True, "whole number, found true or false"),
        ("age", "40", "found text"),
        ("age", 2**63, "64 bit"),
        ("age", None, "is null"),
        ("income", math.nan, "write null"),
        ("income", math.inf, "write null"),
        ("income", 10**400, "range of float64"),
        ("income", [1], "found a list"),
        ("job", 3, "needs text"),
        ("member", 1, "needs true or false"),
        ("member", "true", "needs true or false"),
        ("seen", "2026-02-01T10:00:00", "time zone"),
        ("seen", "yesterday", "needs a moment"),
        ("seen", 0, "needs a moment"),
        ("born", "2026-02-30", "needs a date"),
        ("born", "2026-02-01T00:00:00Z", "needs a date"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_by_row_and_field(field: str, value: Any, message: str, bundle: Bundle) -> None:
    with pytest.raises(BundleInputError, match=message) as caught:
        bundle.predict_rows([GOOD, {**GOOD, field: value}])

    (problem,) = caught.value.problems
    assert (problem.row, problem.field) == (1, field)


def test_all_problems_are_collected(bundle: Bundle) -> None:
    without_age = {name: value for name, value in GOOD.items() if name != "age"}

    with pytest.raises(BundleInputError) as caught:
        bundle.predict_rows([{**without_age, "aeg": 40}, {**GOOD, "member": 0, "income": "much"}, 7])  # type: ignore[list-item]

    found = {(p.row, p.field) for p in caught.value.problems}
    assert found == {(0, "age"), (0, "aeg"), (1, "member"), (1, "income"), (2, None)}
    assert "did you mean 'age'" in str(caught.value)


def test_messages_do_not_repeat_text_that_may_be_personal(bundle: Bundle) -> None:
    with pytest.raises(BundleInputError) as caught:
        bundle.predict_rows([{**GOOD, "age": "Jane Doe", "seen": "Jane Doe", "born": "Jane Doe"}])

    assert "Jane" not in str(caught.value)


def test_a_null_is_allowed_where_training_had_some_and_an_unknown_category_always(bundle: Bundle) -> None:
    score = bundle.predict_rows([{**GOOD, "job": None}, {**GOOD, "income": None}, {**GOOD, "job": "astronaut"}])

    assert np.isfinite(score).all()


def test_whole_numbers_may_be_written_as_floats_and_floats_as_whole_numbers(bundle: Bundle) -> None:
    assert bundle.predict_rows([{**GOOD, "age": 40.0, "income": 20}]) == bundle.predict_rows([{**GOOD, "age": 40, "income": 20.0}])


def test_the_key_of_the_entity_may_stand_in_a_row(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    types = {"age": "int64", "income": "float64"}
    bundle = learn(people, types=types, entity=("customer_id",)).bundle

    assert len(bundle.predict_rows([{"age": 3, "income": None, "customer_id": 17}])) == 1
    with pytest.raises(BundleInputError, match="customer"):
        bundle.predict_rows([{"age": 3, "income": None, "customer": 17}])
