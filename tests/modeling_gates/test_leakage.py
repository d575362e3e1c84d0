from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.modeling.gates import GateContext, judge_one
from mlops_assets.modeling.synthetic import make_bundle
from mlops_assets.spec.gates import gate_names

from .cases import judged, model_of, trained, training_set

FEATURES = {f"x{i}": "float64" for i in range(20)}
START = datetime(2026, 1, 1, tzinfo=UTC)


def coin_flips(n: int = 4000) -> pd.DataFrame:
    random = np.random.default_rng(5)
    frame = pd.DataFrame(random.normal(size=(n, 20)), columns=list(FEATURES))
    frame["y"] = random.random(n) < 0.5
    return frame


def split(frame: pd.DataFrame, features: dict[str, str], **more: Any) -> Any:
    return training_set(frame, holdout=np.arange(len(frame)) >= 0.6 * len(frame), features=features, **more)


def test_coin_flips_score_like_chance_and_do_not_beat_the_naive_model(tmp_path: Path) -> None:
    rows = split(coin_flips(), FEATURES)
    model = model_of()
    bundle = trained(model, rows, tmp_path / "bundle")
    context = GateContext(model, bundle, rows, None, None, tmp_path, 7)
    gates = dict(gate_names(model.gates))
    naive = judge_one(context, "beats_naive", gates["beats_naive"])
    assert naive.status == "fail"
    assert naive.observed is not None
    assert 0.45 < naive.observed < 0.55
    assert judge_one(context, "leakage", gates["leakage"]).status == "pass"


@pytest.mark.parametrize("flipped", [0.0, 0.02])
@pytest.mark.parametrize("kind", ["int64", "float64", "bool", "category"])
def test_a_copied_target_is_refused_and_the_column_named(tmp_path: Path, flipped: float, kind: str) -> None:
    frame = coin_flips()
    random = np.random.default_rng(6)
    copy = frame.y.to_numpy() ^ (random.random(len(frame)) < flipped)
    frame["outcome_code"] = {
        "int64": copy.astype(int),
        "float64": np.where(copy, 3.0, 1.0) + random.uniform(0, 1, len(copy)),
        "bool": copy,
        "category": np.where(copy, "yes", "no"),
    }[kind]
    features = {"x0": "float64", "outcome_code": kind}
    rows = split(frame, features)
    result = judged(model_of(), trained(model_of(), rows, tmp_path / "bundle"), rows, "leakage")
    assert result.status == "fail"
    assert "outcome_code (0.9" in result.detail or "outcome_code (1.000)" in result.detail
    assert "x0" not in result.detail


def test_a_copied_rare_target_is_refused_too(tmp_path: Path) -> None:
    frame = coin_flips(6000)
    random = np.random.default_rng(7)
    frame["y"] = random.random(6000) < 0.04
    frame["flag"] = frame.y ^ (random.random(6000) < 0.02)
    rows = split(frame, {"x0": "float64", "flag": "bool"})
    result = judged(model_of(), trained(model_of(), rows, tmp_path / "bundle"), rows, "leakage")
    assert result.status == "fail"
    assert "flag (0.9" in result.detail


def test_a_strong_honest_feature_passes_and_is_shown(tmp_path: Path) -> None:
    """AUC of about 0.95 by one number."""
    frame = coin_flips()
    frame["strong"] = np.random.default_rng(8).normal(size=len(frame)) + 2.3 * frame.y
    rows = split(frame, {"x0": "float64", "strong": "float64"})
    result = judged(model_of(), trained(model_of(), rows, tmp_path / "bundle"), rows, "leakage")
    assert result.status == "pass"
    assert "strong" in result.detail


def test_a_key_that_training_knows_by_heart_is_no_leak(tmp_path: Path) -> None:
    frame = coin_flips()
    frame["key"] = [f"k{i}" for i in range(len(frame))]
    rows = split(frame, {"x0": "float64", "key": "category"})
    result = judged(model_of(), trained(model_of(), rows, tmp_path / "bundle"), rows, "leakage")
    assert result.status == "pass"


def test_a_leak_that_is_a_number_of_many_values_is_seen_in_little_data_too(tmp_path: Path) -> None:
    frame = coin_flips(600)
    frame["refund"] = np.where(frame.y, 1.0, -1.0) * np.random.default_rng(2).uniform(1, 9, 600)
    rows = split(frame, {"x0": "float64", "refund": "float64"})
    result = judged(model_of(), trained(model_of(), rows, tmp_path / "bundle"), rows, "leakage")
    assert result.status == "fail"
    assert "refund" in result.detail


def test_forty_rows_that_a_feature_decides_are_inconclusive(tmp_path: Path) -> None:
    frame = coin_flips(100)
    frame["copy"] = frame.y.astype(int)
    rows = split(frame, {"x0": "float64", "copy": "int64"})
    result = judged(model_of(), trained(model_of(), rows, tmp_path / "bundle"), rows, "leakage")
    assert result.status == "inconclusive"
    assert "copy (1.000)" in result.detail


def test_what_is_known_to_decide_can_be_allowed_by_name_of_the_limit(tmp_path: Path) -> None:
    frame = coin_flips()
    frame["copy"] = (frame.y ^ (np.random.default_rng(1).random(len(frame)) < 0.02)).astype(int)
    rows = split(frame, {"x0": "float64", "copy": "int64"})
    model = model_of(gates=[{"gate": "leakage", "at_most": 0.995}])
    assert judged(model, trained(model, rows, tmp_path / "bundle"), rows, "leakage").status == "pass"


@pytest.mark.parametrize("share", [0.0, 0.02])
def test_a_copied_number_is_refused(tmp_path: Path, share: float) -> None:
    random = np.random.default_rng(0)
    frame = coin_flips()
    frame["y"] = random.lognormal(3, 1, len(frame))
    copy = 7 - 2 * frame.y.to_numpy()
    altered = random.random(len(frame)) < share
    copy[altered] = random.permutation(copy)[: altered.sum()]
    frame["copy"], frame["honest"] = copy, frame.y * random.lognormal(0, 0.4, len(frame))
    rows = split(frame, {"honest": "float64", "copy": "float64"})
    model = model_of("regression")
    result = judged(model, trained(model, rows, tmp_path / "bundle"), rows, "leakage")
    assert result.status == "fail"
    assert "copy" in result.detail
    assert "honest" not in result.detail


def test_casual_and_registered_riders_do_not_hide_that_their_sum_is_the_target(tmp_path: Path, shared_data: Path) -> None:
    bikes = pd.read_csv(shared_data / "bike_hour.csv")
    frame = bikes[["hr", "temp", "hum", "cnt"]].rename(columns={"cnt": "y"})
    frame["total"] = bikes.casual + bikes.registered
    features = {"hr": "int64", "temp": "float64", "hum": "float64", "total": "int64"}
    rows = split(frame, features)
    model = model_of("regression", estimator={"lightgbm": {"num_boost_round": 20}})
    result = judged(model, trained(model, rows, tmp_path / "bundle"), rows, "leakage")
    assert result.status == "fail"
    assert "total" in result.detail


class TestStructure:
    def result(self, frame: pd.DataFrame, group_by: tuple[str, ...] = (), **more: Any) -> Any:
        rows = split(frame, {"x0": "float64"}, **more)
        bundle = make_bundle("binary_classification", lambda f: np.full(len(f), 0.5), {"x0": "float64"})
        return judged(model_of(group_by=list(group_by)), bundle, rows, "leakage", retrain=lambda training_set, folder: bundle)

    def dated(self, n: int, gap: int) -> tuple[list[datetime], list[datetime]]:
        as_of = [START + timedelta(days=0 if i < 0.6 * n else gap) for i in range(n)]
        return as_of, [moment + timedelta(days=30) for moment in as_of]

    def test_an_embargo_of_the_horizon_passes_and_a_day_less_fails(self) -> None:
        frame = coin_flips(1000)
        for gap, status in ((30, "pass"), (29, "fail")):
            as_of, label_end = self.dated(1000, gap)
            result = self.result(frame, as_of=as_of, label_end=label_end)
            assert result.status == status
        assert "600 training labels" in result.detail

    def test_the_same_entity_at_another_time_passes_and_at_the_same_time_fails(self) -> None:
        frame = coin_flips(1000)
        frame["customer"] = np.arange(1000) % 400
        as_of, label_end = self.dated(1000, 30)
        assert self.result(frame, as_of=as_of, label_end=label_end, entity=("customer",)).status == "pass"
        result = self.result(frame, entity=("customer",))
        assert result.status == "fail"
        assert "customer" in result.detail

    def test_a_group_on_both_sides_fails_only_where_group_by_is_declared(self) -> None:
        frame = coin_flips(1000)
        frame["household"] = np.arange(1000) % 100
        assert self.result(frame).status == "pass"
        result = self.result(frame, group_by=("household",))
        assert result.status == "fail"
        assert "household" in result.detail

    def test_a_few_equal_rows_are_counted_and_many_are_refused(self) -> None:
        for equal, status in ((4, "pass"), (40, "fail")):
            result = self.result(self.with_equal_rows(equal))
            assert result.status == status
            assert result.data["equal_rows"]["shared"] == equal
        assert "40 of 400 holdout rows have an equal in training, 0 of 600 training rows another" in result.detail

    def test_dated_rows_may_come_again_unchanged(self) -> None:
        as_of, label_end = self.dated(1000, 30)
        result = self.result(self.with_equal_rows(40), as_of=as_of, label_end=label_end)
        assert result.status == "pass"
        assert result.data["equal_rows"]["shared"] == 40

    def test_rows_of_few_values_look_alike_on_both_sides_and_that_is_no_leak(self) -> None:
        for seed in range(20):
            frame = coin_flips(1000)
            frame["x0"] = np.random.default_rng(seed).poisson(40, 1000).astype(float)
            result = self.result(frame)
            assert result.status == "pass"
            assert result.data["equal_rows"]["shared"] > 300

    def with_equal_rows(self, count: int) -> pd.DataFrame:
        frame = coin_flips(1000)
        frame.loc[1000 - count :, ["x0", "y"]] = frame.loc[: count - 1, ["x0", "y"]].to_numpy()
        frame["x0"], frame["y"] = frame.x0.astype(float), frame.y.astype(bool)
        return frame


def test_a_training_that_sees_the_holdout_is_refused_by_shuffled_labels() -> None:
    frame = coin_flips(1000)
    rows = split(frame, {"x0": "float64"})
    answers = dict(zip(frame.x0, frame.y, strict=True))
    cheat = make_bundle("binary_classification", lambda f: np.array([0.9 if answers[x] else 0.1 for x in f.x0]), {"x0": "float64"})
    honest = make_bundle("binary_classification", lambda f: 1 / (1 + np.exp(-f.x0.to_numpy())), {"x0": "float64"})
    refused = judged(model_of(), honest, rows, "leakage", retrain=lambda training_set, folder: cheat)
    assert refused.status == "fail"
    assert "shuffled labels" in refused.detail


def test_a_simple_strong_signal_does_not_look_like_a_leak_on_shuffled_labels(tmp_path: Path) -> None:
    """With one feature, a single shuffle leans by chance along the signal or against it, up to far from one half."""
    for seed in range(4):
        random = np.random.default_rng(seed)
        frame = pd.DataFrame({"x0": random.normal(size=1500)})
        frame["y"] = frame.x0 + 0.5 * random.normal(size=1500) > 0
        rows = split(frame, {"x0": "float64"})
        bundle = trained(model_of(seed=seed), rows, tmp_path / str(seed))
        result = judged(model_of(seed=seed), bundle, rows, "leakage")
        assert result.data["shuffled_labels"]["status"] == "pass"


def test_shuffled_labels_on_a_handful_of_cases_are_no_leak(tmp_path: Path) -> None:
    for seed in range(6):
        random = np.random.default_rng(seed)
        frame = pd.DataFrame({"a": random.normal(size=600), "b": random.normal(size=600), "y": False})
        frame.loc[[10, 20, 590], "y"] = True
        rows = split(frame, {"a": "float64", "b": "float64"})
        result = judged(model_of(), trained(model_of(), rows, tmp_path / str(seed)), rows, "leakage")
        assert result.data["shuffled_labels"]["status"] in ("pass", "inconclusive")


@pytest.mark.parametrize("name", ["num_boost_round", "n_estimators", "num_trees"])
def test_the_shuffled_labels_are_learned_whatever_the_number_of_trees_is_called(tmp_path: Path, name: str) -> None:
    rows = split(coin_flips(1500), FEATURES)
    model = model_of(estimator={"lightgbm": {name: 40}})
    result = judged(model, trained(model, rows, tmp_path / "bundle"), rows, "leakage")
    assert result.status == "pass", result.detail


def in_groups(seed: int, n: int = 1500) -> pd.DataFrame:
    """Groups of near-identical rows that share their outcome, on both sides; larger groups have more of the rare class."""
    random = np.random.default_rng(seed)
    size = np.minimum(1 + random.geometric(0.12, n), 60)
    group = np.repeat(np.arange(n), size)[:n]
    centre = random.normal(size=(n, 3))
    rate = 1 / (1 + np.exp(2.6 - 1.2 * centre[:, 0] - 0.1 * (size - 8)))
    frame = pd.DataFrame(centre[group] + 0.01 * random.normal(size=(n, 3)), columns=["a", "b", "c"])
    frame["y"] = (random.random(n) < rate)[group]
    return frame.iloc[random.permutation(n)].reset_index(drop=True)


GROUPED = {"a": "float64", "b": "float64", "c": "float64"}


def test_groups_of_near_identical_rows_do_not_look_like_a_leak_on_shuffled_labels(tmp_path: Path) -> None:
    honest = trained(model_of(), split(in_groups(0), GROUPED), tmp_path / "honest")
    found = set()
    for seed in range(200):
        rows = split(in_groups(seed), GROUPED)
        estimator = {"lightgbm": {"num_boost_round": 10, "scale_pos_weight": 4}}
        context = GateContext(model_of(seed=seed, estimator=estimator), honest, rows, None, None, tmp_path, seed)
        found.add(judge_one(context, "leakage", dict(gate_names(model_of().gates))["leakage"]).data["shuffled_labels"]["status"])
    assert found == {"pass"}


@pytest.mark.parametrize("known", [0.15, 0.4])
def test_in_groups_too_a_training_that_knows_some_outcomes_of_the_holdout_is_refused(tmp_path: Path, known: float) -> None:
    """It knows the outcome of a share of the rows, and learns the rest from the labels that it is given."""
    for seed in range(10):
        frame = in_groups(seed, 4000)
        rows = split(frame, GROUPED)
        random = np.random.default_rng(seed)
        told = dict(zip(frame.a, np.where(random.random(4000) < known, np.where(frame.y, 9.0, -9.0), 0.0), strict=True))
        model = model_of(seed=seed, estimator={"lightgbm": {"num_boost_round": 10}})

        def peeking(training_set: Any, folder: Path, model: Any = model, told: Any = told) -> Any:
            learned = trained(model, training_set, folder)
            return make_bundle("binary_classification", lambda f: learned.predict(f) + f.a.map(told).to_numpy(), GROUPED)

        bundle = trained(model, rows, tmp_path / str(seed))
        assert judged(model, bundle, rows, "leakage", retrain=peeking).data["shuffled_labels"]["status"] == "fail"


@pytest.mark.parametrize("parameters", [{"monotone_constraints": {"x0": 1}}, {"scale_pos_weight": 20}, {"is_unbalance": True}])
def test_parameters_that_lean_to_one_side_do_not_look_like_a_leak(tmp_path: Path, parameters: dict[str, Any]) -> None:
    for seed in range(3):
        random = np.random.default_rng(seed)
        frame = pd.DataFrame({"x0": random.gamma(1, size=3000)})
        frame["y"] = random.random(3000) < np.minimum(frame.x0 / 10, 1)
        rows = split(frame, {"x0": "float64"})
        model = model_of(seed=seed, estimator={"lightgbm": parameters})
        result = judged(model, trained(model, rows, tmp_path / str(seed)), rows, "leakage")
        assert result.data["shuffled_labels"]["status"] == "pass"


@pytest.mark.parametrize("task", ["multiclass_classification", "regression"])
def test_rare_classes_and_skewed_numbers_have_a_mirror_too(tmp_path: Path, task: str) -> None:
    for seed in range(5):
        random = np.random.default_rng(seed)
        frame = pd.DataFrame({"x0": random.gamma(1, size=2000), "x1": random.normal(size=2000)})
        level = frame.x0 + random.normal(size=2000)
        frame["y"] = np.exp(level) if task == "regression" else pd.cut(level, [-99, 2, 3, 4, 99], labels=list("abcd")).astype(str)
        rows = split(frame, {"x0": "float64", "x1": "float64"})
        model = model_of(task, seed=seed)
        result = judged(model, trained(model, rows, tmp_path / str(seed)), rows, "leakage")
        shuffled = result.data["shuffled_labels"]
        assert shuffled["status"] == "pass"
        assert shuffled["mean"] == pytest.approx(shuffled["chance"], abs=0.01)
