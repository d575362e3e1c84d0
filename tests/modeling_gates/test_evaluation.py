from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_assets.errors import MlopsError
from mlops_assets.modeling.evaluation import Evaluation
from mlops_assets.modeling.figures import draw_figures
from mlops_assets.modeling.gates import GateContext, judge_all
from mlops_assets.modeling.measuring import evaluate
from mlops_assets.modeling.slices import slices_of
from mlops_assets.modeling.synthetic import make_bundle

from .cases import model_of, ranked, scored_set, trained, training_set

PNG = b"\x89PNG\r\n\x1a\n"


def table(task: str, n: int = 1500) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=n), "z": random.normal(size=n), "region": np.resize(["n", "s"], n)})
    signal = frame.x + 0.5 * random.normal(size=n)
    if task == "multiclass_classification":
        frame["y"] = pd.cut(signal, [-9, -1, 1, 9], labels=["a", "b", "c"]).astype(str)
    else:
        frame["y"] = signal > 0 if task == "binary_classification" else signal
    return frame


@pytest.mark.parametrize("task", ["binary_classification", "multiclass_classification", "regression"])
def test_an_evaluation_of_each_task_is_plain_json_and_draws_its_pictures(task: str, tmp_path: Path) -> None:
    frame = table(task)
    rows = training_set(frame, holdout=np.arange(len(frame)) >= 900, features={"x": "float64", "z": "float64"})
    main = {"binary_classification": "roc_auc", "multiclass_classification": "log_loss", "regression": "rmse"}[task]
    model = model_of(task, [{"metric": main, "slice": "region", "at_most": 9}], estimator={"lightgbm": {"num_boost_round": 20}})
    bundle = trained(model, rows, tmp_path / "bundle")
    found = evaluate(model, bundle, rows, champion=bundle, folder=tmp_path / "figures")
    body = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert Evaluation.from_json(body).to_json() == body
    assert found.rows == {"training": 900, "holdout": 600}
    assert set(found.slices["region"]) == {"n", "s"}
    assert sum(value["n"] for value in found.slices["region"].values()) == 600
    low, high = found.metrics[main]["interval"]
    assert low < found.metrics[main]["value"] < high
    assert found.naive["improvement"][main]["interval"][0] > 0
    assert found.champion is not None
    assert found.champion["improvement"][main]["interval"] == [0, 0]
    assert found.importance[0][0] == "x"
    results = judge_all(GateContext(model, bundle, rows, found, bundle, tmp_path, 7))
    files = draw_figures(found, tmp_path / "again", results)
    expected = {"gates", "metrics", "importance", "slices"} | (
        {"residuals"} if task == "regression" else {"calibration", "confusion"} | ({"curves"} if task == "binary_classification" else set())
    )
    assert {file.stem for file in files} == expected
    assert all(file.read_bytes().startswith(PNG) and file.stat().st_size < 200_000 for file in files)


def test_the_same_inputs_give_the_same_evaluation() -> None:
    rows, bundle = scored_set(*ranked(0.8, 400))
    first, again = (evaluate(model_of(), bundle, rows).to_json() for _ in range(2))
    assert first == again


def test_the_confusion_adds_up_and_the_curves_end_in_their_corners() -> None:
    rows, bundle = scored_set(*ranked(0.8, 400))
    found = evaluate(model_of(), bundle, rows)
    assert found.confusion is not None
    assert found.curves is not None
    assert np.sum(found.confusion["matrix"]) == 400
    (tn, fp), (fn, tp) = found.confusion["matrix"]
    assert tp / (tp + fn) == pytest.approx(found.metrics["recall"]["value"])
    assert fp + tn == 200
    assert found.curves["roc"][0] == [0, 0]
    assert found.curves["roc"][-1] == [1, 1]
    assert len(found.curves["roc"]) <= 200


def test_a_naive_model_says_the_base_rate_of_training_not_of_the_holdout() -> None:
    rows, bundle = scored_set(*ranked(0.8, 400), y_train=np.arange(500) % 10 == 0)
    found = evaluate(model_of(), bundle, rows)
    assert found.naive["metrics"]["brier"]["value"] == pytest.approx(0.5 * 0.9**2 + 0.5 * 0.1**2)
    assert found.outcomes == {"train": {"n": 500, "base_rate": 0.1}, "holdout": {"n": 400, "base_rate": 0.5}}


def test_entities_that_repeat_are_drawn_together_and_are_worth_less() -> None:
    y, p = ranked(0.8, 100)
    many = np.repeat(np.arange(100), 10)
    rows, bundle = scored_set(y[many], p[many], customer=many, entity=("customer",))
    dependent = evaluate(model_of(), bundle, rows)
    rows, bundle = scored_set(y[many], p[many])
    independent = evaluate(model_of(), bundle, rows)
    assert dependent.blocks == {"unit": "entity", "count": 100, "n_effective": pytest.approx(100, rel=0.05)}
    width = [np.diff(e.metrics["roc_auc"]["interval"])[0] for e in (dependent, independent)]
    assert width[0] > 2.5 * width[1]


def test_one_class_in_the_holdout_leaves_what_is_undefined_null(tmp_path: Path) -> None:
    rows, bundle = scored_set(np.zeros(200), np.linspace(0, 0.4, 200))
    found = evaluate(model_of(), bundle, rows, folder=tmp_path)
    assert found.metrics["roc_auc"]["value"] is None
    assert found.metrics["roc_auc"]["interval"] is None
    assert found.curves is None
    assert found.metrics["accuracy"]["value"] == 1.0


def test_a_champion_that_needs_other_columns_is_named_not_guessed() -> None:
    rows, bundle = scored_set(*ranked(0.8, 100))
    other = make_bundle("binary_classification", lambda f: f["gone"].to_numpy(), {"gone": "float64"})
    found = evaluate(model_of(), bundle, rows, champion=other)
    assert found.champion is not None
    assert "gone" in found.champion["error"]


class TestSlices:
    def test_each_value_is_a_slice_and_missing_is_one(self) -> None:
        found = slices_of(pd.DataFrame({"c": ["b", "a", None, "b"]}), "c")
        assert [(label, mask.tolist()) for label, mask in found] == [
            ("a", [False, True, False, False]),
            ("b", [True, False, False, True]),
            ("(missing)", [False, False, True, False]),
        ]

    def test_every_row_is_in_exactly_one_slice(self) -> None:
        random = np.random.default_rng(0)
        frame = pd.DataFrame(
            {
                "number": np.where(random.random(500) < 0.1, np.nan, random.normal(size=500)),
                "whole": random.integers(0, 3, 500),
                "text": [f"v{int(v)}" for v in random.exponential(8, 500)],
                "flag": random.random(500) < 0.5,
            }
        )
        frame["category"] = frame.text.astype("category")
        for column in frame:
            masks = [mask for _, mask in slices_of(frame, column)]
            assert (np.sum(masks, axis=0) == 1).all(), column
            assert len(masks) <= 21

    def test_an_unknown_column_names_those_that_there_are(self) -> None:
        with pytest.raises(MlopsError, match="region"):
            slices_of(pd.DataFrame({"region": ["a"], "__target": [1]}), "regoin")
