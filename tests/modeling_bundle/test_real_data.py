"""Real tables with their missing values, categories and dates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mlops_assets.modeling.training import Trained

ADULT = {
    "age": "int64",
    "workclass": "category",
    "education": "category",
    "education_years": "int64",
    "marital": "category",
    "occupation": "category",
    "relationship": "category",
    "gain": "int64",
    "loss": "int64",
    "hours": "int64",
    "country": "category",
}
NAMES = [
    *("age", "workclass", "weight", "education", "education_years", "marital", "occupation", "relationship"),
    *("race", "sex", "gain", "loss", "hours", "country", "__target"),
]
BIKE = {
    "season": "int64",
    "hr": "int64",
    "workingday": "bool",
    "weathersit": "int64",
    "temp": "float64",
    "hum": "float64",
    "dteday": "date",
}


@pytest.fixture
def adult(shared_data: Path) -> pd.DataFrame:
    frame = pd.read_csv(shared_data / "adult.data", names=NAMES, skipinitialspace=True, na_values="?").iloc[:6000]
    return frame.assign(__split=np.where(np.arange(len(frame)) % 3 == 0, "holdout", "train"))


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        ({"lightgbm": {}}, 0.90),
        ({"sklearn": ["sklearn.preprocessing.StandardScaler", "sklearn.linear_model.LogisticRegression"]}, 0.88),
    ],
    ids=["lightgbm", "logistic"],
)
def test_income_of_adults(estimator: Any, expected: float, adult: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    bundle = learn(adult, types=ADULT, positive=">50K", estimator=estimator).bundle
    holdout = adult[adult["__split"] == "holdout"]

    score = bundle.predict(holdout)

    assert roc_auc_score(holdout["__target"] == ">50K", score) > expected
    assert np.array_equal(score, bundle.predict_rows(bundle.json_rows(holdout)))


def test_rentals_of_bikes(shared_data: Path, learn: Callable[..., Trained]) -> None:
    bikes = pd.read_csv(shared_data / "bike_hour.csv", parse_dates=["dteday"]).iloc[:8000]
    bikes["workingday"] = bikes["workingday"].astype(bool)
    bikes["dteday"] = bikes["dteday"].dt.date
    bikes["__target"] = bikes["cnt"]
    bikes["__split"] = np.where(np.arange(len(bikes)) < 7000, "train", "holdout")
    holdout = bikes[bikes["__split"] == "holdout"]

    bundle = learn(bikes, types=BIKE, task="regression").bundle

    error = np.sqrt(np.mean((bundle.predict(holdout) - holdout["cnt"]) ** 2))
    assert error < 0.6 * holdout["cnt"].std()
    assert np.array_equal(bundle.predict(holdout), bundle.predict_rows(bundle.json_rows(holdout)))
