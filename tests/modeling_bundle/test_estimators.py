"""scikit-learn by dotted name, and estimators that a Python function builds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.errors import MlopsError
from mlops_assets.modeling.bundle import Bundle
from mlops_assets.modeling.estimators.skops_file import read_skops, write_skops
from mlops_assets.modeling.signature import ModelingError
from mlops_assets.modeling.training import Trained

SIMPLE = {"age": "int64", "income": "float64", "job": "category"}

MEAN_BY_SIGN = '''
import json
import numpy as np

print("IMPORTED", file=open({log!r}, "a"))

class Tilt:
    """Probability rises with the first column's rank among training values."""
    def __init__(self, power=1.0):
        self.power, self.low, self.high = power, 0.0, 1.0
    def fit(self, X, y, sample_weight):
        self.low, self.high = float(X[:, 0].min()), float(X[:, 0].max())
    def predict(self, X):
        return np.clip((X[:, 0] - self.low) / (self.high - self.low), 0, 1) ** self.power
    def save(self, folder):
        (folder / "state.json").write_text(json.dumps([self.power, self.low, self.high]))

def build(seed, power=1.0):
    return Tilt(power)

def load(folder):
    tilt = Tilt()
    tilt.power, tilt.low, tilt.high = json.loads((folder / "state.json").read_text())
    return tilt
'''


@pytest.fixture
def tilt(tmp_path: Path) -> Path:
    """Folder of a definition with the module `tilt.py`, which logs each import."""
    folder = tmp_path / "definitions"
    folder.mkdir()
    (folder / "tilt.py").write_text(MEAN_BY_SIGN.format(log=str(tmp_path / "imports")))
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "ensemble.ExtraTreesClassifier",
        "ensemble.GradientBoostingClassifier",
        "ensemble.AdaBoostClassifier",
        "naive_bayes.GaussianNB",
        "discriminant_analysis.LinearDiscriminantAnalysis",
        "tree.DecisionTreeClassifier",
        "dummy.DummyClassifier",
    ],
)
def test_a_classifier_by_dotted_name_trains_saves_and_scores(name: str, people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    bundle = learn(people, types=SIMPLE, estimator={"sklearn": f"sklearn.{name}"}).bundle

    score = bundle.predict(people)

    assert score.min() >= 0
    assert score.max() <= 1
    assert np.array_equal(Bundle.load(bundle.folder).predict(people), score)
    if "Dummy" not in name:
        assert score[people["__target"]].mean() > score[~people["__target"]].mean()


@pytest.mark.parametrize("name", ["linear_model.Ridge", "linear_model.PoissonRegressor", "ensemble.RandomForestRegressor", "svm.SVR"])
def test_a_regressor_by_dotted_name_trains_saves_and_scores(name: str, people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    people["__target"] = people["age"] * 1.0
    bundle = learn(
        people, types=SIMPLE, task="regression", estimator={"sklearn": ["sklearn.preprocessing.StandardScaler", f"sklearn.{name}"]}
    ).bundle

    assert np.corrcoef(bundle.predict(people), people["age"])[0, 1] > 0.8


def test_histogram_boosting_is_allowed_too(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    few_trees = {"name": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"max_iter": 3}}

    assert len(learn(people, types=SIMPLE, estimator={"sklearn": few_trees}).bundle.predict(people)) == 600


def test_probabilities_of_many_classes_add_up(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    people["__target"] = people["job"].fillna("none")
    bundle = learn(
        people, types=SIMPLE, task="multiclass_classification", estimator={"sklearn": "sklearn.ensemble.RandomForestClassifier"}
    ).bundle

    assert bundle.classes == ("baker", "none", "nurse", "smith")
    assert np.allclose(bundle.predict(people).sum(axis=1), 1)
    assert np.array(bundle.classes)[bundle.predict(people).argmax(axis=1)].tolist() == people["__target"].tolist()


def test_an_estimator_may_hold_another_one(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    inner = {"name": "sklearn.svm.LinearSVC", "params": {"C": 0.1}}
    outer = {"name": "sklearn.calibration.CalibratedClassifierCV", "params": {"estimator": inner}}

    assert 0 < learn(people, types=SIMPLE, estimator={"sklearn": outer}).bundle.predict(people).mean() < 1


@pytest.mark.parametrize(
    ("estimator", "spec", "message"),
    [
        ("sklearn.linear_model.LogisticRegresion", {}, "Did you mean 'sklearn.linear_model.LogisticRegression'"),
        ("sklearn.LogisticRegression", {}, "Did you mean 'sklearn.linear_model.LogisticRegression'"),
        ("os.path.Join", {}, "no scikit-learn estimator"),
        ("sklearn.metrics.roc_auc_score", {}, "no scikit-learn estimator"),
        ({"name": "sklearn.linear_model.LogisticRegression", "params": {"c": 1}}, {}, "no parameter 'c'"),
        ({"name": "sklearn.linear_model.LogisticRegression", "params": {"C": -1}}, {}, "refuses to train"),
        ("sklearn.linear_model.Ridge", {}, "no classifier"),
        ("sklearn.linear_model.LogisticRegression", {"task": "regression"}, "no regressor"),
        ("sklearn.svm.LinearSVC", {}, "CalibratedClassifierCV"),
        ("sklearn.linear_model.SGDClassifier", {}, "no probabilities"),
        ("sklearn.preprocessing.StandardScaler", {}, "no classifier"),
        (["sklearn.linear_model.LogisticRegression", "sklearn.linear_model.LogisticRegression"], {}, "transforms nothing"),
    ],
)
def test_a_name_or_parameter_that_cannot_be_is_refused(
    estimator: Any, spec: dict[str, Any], message: str, people: pd.DataFrame, learn: Callable[..., Trained]
) -> None:
    if spec:
        people["__target"] = people["age"] * 1.0
    with pytest.raises(ModelingError, match=message):
        learn(people, types=SIMPLE, estimator={"sklearn": estimator}, **spec)


def test_warnings_of_an_estimator_become_notes(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    estimator = {"sklearn": {"name": "sklearn.neural_network.MLPClassifier", "params": {"max_iter": 1}}}

    assert any("ConvergenceWarning" in note for note in learn(people, types=SIMPLE, estimator=estimator).notes)


def test_a_skops_file_with_a_foreign_function_is_neither_written_nor_read(tmp_path: Path) -> None:
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    dangerous = FunctionTransformer(func=os.system)
    with pytest.raises(ModelingError, match="system"):
        write_skops(dangerous, tmp_path / "model.skops")
    (tmp_path / "model.skops").write_bytes(skops.io.dumps(dangerous))
    with pytest.raises(ModelingError, match="may not load"):
        read_skops(tmp_path / "model.skops")
    harmless = FunctionTransformer(func=np.log1p)
    write_skops(harmless, tmp_path / "model.skops")
    assert read_skops(tmp_path / "model.skops").func is np.log1p


def test_a_python_estimator_travels_with_its_module(
    people: pd.DataFrame, learn: Callable[..., Trained], tilt: Path, tmp_path: Path
) -> None:
    bundle = learn(people, types={"age": "int64"}, estimator={"python": ".tilt:build"}, definitions=tilt).bundle
    expected = bundle.predict(people)
    bundle.save(tmp_path / "elsewhere")
    (tilt / "tilt.py").unlink()

    again = Bundle.load(tmp_path / "elsewhere")

    assert np.array_equal(again.predict(people), expected)
    assert np.array_equal(again.predict_rows([{"age": int(age)} for age in people["age"]]), expected)
    assert again.trees_digest is None


def test_loading_a_python_estimator_runs_nothing_until_it_scores(
    people: pd.DataFrame, learn: Callable[..., Trained], tilt: Path, tmp_path: Path
) -> None:
    folder = learn(people, types={"age": "int64"}, estimator={"python": ".tilt:build"}, definitions=tilt).bundle.folder
    log = tmp_path / "imports"
    log.unlink()

    bundle = Bundle.load(folder)
    assert not log.exists()

    bundle.predict(people)
    assert log.exists()
    assert not list(folder.rglob("__pycache__"))


def test_a_python_estimator_that_changed_after_loading_is_not_run(people: pd.DataFrame, learn: Callable[..., Trained], tilt: Path) -> None:
    folder = learn(people, types={"age": "int64"}, estimator={"python": ".tilt:build"}, definitions=tilt).bundle.folder
    bundle = Bundle.load(folder)
    (folder / "estimator_module.py").write_text("raise SystemExit('run')")

    with pytest.raises(ModelingError, match=r"estimator_module\.py was altered"):
        bundle.predict(people)


def test_a_search_gives_the_builder_its_parameters(people: pd.DataFrame, learn: Callable[..., Trained], tilt: Path) -> None:
    tune = {"trials": 4, "metric": "log_loss", "space": {"power": {"low": 0.5, "high": 3}}}
    trained = learn(people, types={"age": "int64"}, estimator={"python": ".tilt:build"}, definitions=tilt, tune=tune)

    assert trained.params.get("power", 1.0) == trained.bundle.fitted.estimator.power  # type: ignore[attr-defined]


BASE = """
import numpy as np
class E:
    def fit(self, X, y, sample_weight): pass
    def predict(self, X): return {predict}
    def save(self, folder): {save}
def build(): return E()
"""
LOAD = "def load(folder): return E()\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (BASE.format(predict="np.zeros(len(X))", save="pass"), "no function 'load'"),
        ("def build(): return object()\n" + LOAD, "no fit and no predict and no save"),
        ("def build(): return 1 / 0\n" + LOAD, "ZeroDivisionError"),
        (BASE.format(predict="np.zeros((len(X), 2))", save="pass") + LOAD, "returns shape"),
        (BASE.format(predict="np.full(len(X), np.nan)", save="pass") + LOAD, "no finite numbers"),
        (BASE.format(predict="np.full(len(X), 2.0)", save="pass") + LOAD, "outside 0 to 1"),
        (BASE.format(predict="X[:, 99]", save="pass") + LOAD, "raises IndexError"),
        ("import pickle\n" + BASE.format(predict="X[:, 0]", save="pickle.dump(1, (folder / 'm.bin').open('wb'))") + LOAD, "is a pickle"),
    ],
)
def test_a_python_estimator_that_breaks_the_protocol_is_refused(
    code: str, message: str, people: pd.DataFrame, learn: Callable[..., Trained], tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(code)

    with pytest.raises(MlopsError, match=message):
        learn(people, types={"age": "int64"}, estimator={"python": ".own:build"}, definitions=tmp_path).bundle.predict(people)
