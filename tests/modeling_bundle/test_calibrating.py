"""Calibration in the bundle: scores are mended before they are judged, by rows that the model did not see."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.modeling.bundle import BUNDLE_FILE, Bundle
from mlops_assets.modeling.calibrating.fitting import fit_isotonic, fit_sigmoid
from mlops_assets.modeling.calibrating.maps import Calibration, read_calibration
from mlops_assets.modeling.rebuild import as_trained, compare
from mlops_assets.modeling.signature import ModelingError
from mlops_assets.modeling.training import Trained
from mlops_assets.spec.model import Model

TYPES = dict.fromkeys(["a", "b", "c", "d"], "float64")
LINEAR = {"sklearn": "sklearn.linear_model.LogisticRegression"}
HUNDRED_TREES = {"lightgbm": {"num_boost_round": 100, "learning_rate": 0.1}}
Learn = Callable[..., Trained]


def world(rows: int, training: int, *, base: float = 0.0, strength: float = 1.1, classes: int = 2, seed: int = 0) -> pd.DataFrame:
    """Rows whose outcome follows a known probability, ``chance``; an honest linear score of them has an AUC of about .77."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(rows, 4)), columns=list("abcd"))
    signal = strength * (0.8 * frame["a"] + 0.6 * frame["b"] - 0.5 * frame["c"])
    if classes == 2:
        frame["chance"] = 1 / (1 + np.exp(-(signal + base)))
        frame["__target"] = random.random(rows) < frame["chance"]
    else:
        odds = np.exp(np.outer(signal, np.linspace(-1, 1, classes)))
        cumulated = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)
        frame["__target"] = [f"c{code}" for code in (random.random(rows)[:, None] > cumulated).sum(axis=1)]
    frame["__split"] = np.where(np.arange(rows) < training, "train", "holdout")
    return frame


def error_of(bundle: Bundle, frame: pd.DataFrame) -> float:
    """Root mean square over twenty bins of the distance between mean claim and mean chance, on the rows that were not learned from."""
    held = frame[frame["__split"] == "holdout"]
    score, chance = bundle.predict(held), held["chance"].to_numpy()
    order = np.argsort(score, kind="stable")
    return float(np.sqrt(np.mean([(score[part].mean() - chance[part].mean()) ** 2 for part in np.array_split(order, 20)])))


def method(trained: Trained) -> str | None:
    return trained.bundle.calibration.method if trained.bundle.calibration else None


@pytest.mark.parametrize("seed", range(3))
def test_trees_that_are_too_sure_on_700_rows_are_mended(seed: int, learn: Learn) -> None:
    frame = world(8700, 700, seed=seed)
    raw, mended = (learn(frame, types=TYPES, estimator=HUNDRED_TREES, calibrate=c) for c in ("none", "auto"))

    assert method(mended) == "sigmoid"
    assert mended.calibrated == "sigmoid, fitted on 700 rows"
    assert error_of(raw.bundle, frame) > 0.1
    assert error_of(mended.bundle, frame) < 0.05
    assert raw.bundle.trees_digest == mended.bundle.trees_digest


def test_a_map_changes_no_order(learn: Learn) -> None:
    frame = world(2700, 700)
    raw, mended = (learn(frame, types=TYPES, calibrate=c).bundle.predict(frame) for c in ("none", "sigmoid"))

    assert not np.array_equal(raw, mended)
    assert np.array_equal(np.argsort(raw, kind="stable"), np.argsort(mended, kind="stable"))


@pytest.mark.parametrize("estimator", [HUNDRED_TREES, LINEAR], ids=["trees", "linear"])
def test_balanced_weights_do_not_mean_inflated_probabilities(estimator: Any, learn: Learn) -> None:
    frame = world(11000, 3000, base=-2.6)
    settings = {"types": TYPES, "estimator": estimator, "weights": "balanced"}
    inflated, mended = (learn(frame, **settings, calibrate=c).bundle for c in ("none", "auto"))
    rate = frame["chance"].mean()

    assert 0.08 < rate < 0.13
    assert inflated.predict(frame).mean() > 1.5 * rate
    assert mended.predict(frame).mean() == pytest.approx(rate, rel=0.15)
    assert error_of(mended, frame) < 0.03 < 0.1 < error_of(inflated, frame)


@pytest.mark.parametrize("seed", range(3))
def test_scores_that_are_sound_stay_as_they_are(seed: int, learn: Learn) -> None:
    trained = learn(world(1500, 1400, seed=seed), types=TYPES, estimator=LINEAR)

    assert trained.bundle.calibration is None
    assert trained.calibrated == "none: 1400 rows show no need of it"
    assert not trained.notes


def test_without_calibration_the_bundle_is_what_it_was_before_there_was_any(learn: Learn) -> None:
    frame = world(900, 700)
    without, needless = learn(frame, types=TYPES, calibrate="none"), learn(frame, types=TYPES, estimator=LINEAR)

    for trained in (without, needless):
        body = json.loads((trained.bundle.folder / BUNDLE_FILE).read_bytes())
        assert "calibration" not in body
    body = json.loads((learn(frame, types=TYPES).bundle.folder / BUNDLE_FILE).read_bytes())
    assert set(body["calibration"]) == {"method", "rows", "epsilon", "slope", "intercepts"}


def test_a_bundle_without_the_key_loads_and_scores_what_its_estimator_says(learn: Learn) -> None:
    frame = world(900, 700)
    old = Bundle.load(learn(frame, types=TYPES, calibrate="none").bundle.folder)

    assert old.calibration is None
    assert np.array_equal(old.predict(frame), old.fitted.predict(old.encoder.transform(frame)))


def test_isotonic_finds_the_steps_of_a_stepped_world(learn: Learn) -> None:
    frame = world(24000, 4000)
    frame["chance"] = np.where(frame["a"] < -0.5, 0.1, np.where(frame["a"] < 0.7, 0.4, 0.95))
    frame["__target"] = np.random.default_rng(1).random(len(frame)) < frame["chance"]
    raw, sigmoid, isotonic = (learn(frame, types={"a": "float64"}, estimator=LINEAR, calibrate=c) for c in ("none", "sigmoid", "isotonic"))

    assert method(isotonic) == "isotonic"
    assert error_of(isotonic.bundle, frame) < 0.04 < 0.07 < min(error_of(raw.bundle, frame), error_of(sigmoid.bundle, frame))
    found = isotonic.bundle.predict(frame)
    assert (np.diff(found[np.argsort(frame["a"])]) >= 0).all()
    assert found.min() > 0
    assert found.max() < 1


@pytest.mark.parametrize("calibrate", ["auto", "sigmoid", "isotonic"])
@pytest.mark.parametrize("classes", [2, 4])
def test_batch_and_single_rows_agree_bit_by_bit(calibrate: str, classes: int, learn: Learn) -> None:
    frame = world(1300, 1000, classes=classes)
    task = "binary_classification" if classes == 2 else "multiclass_classification"
    trained = learn(frame, types=TYPES, task=task, calibrate=calibrate)
    rows = trained.bundle.json_rows(frame)

    batch = trained.bundle.predict(frame)

    assert method(trained) == ("isotonic" if calibrate == "isotonic" else "sigmoid")
    assert np.array_equal(batch, np.concatenate([trained.bundle.predict_rows([row]) for row in rows]))
    assert np.array_equal(batch, Bundle.load(trained.bundle.folder).predict(frame))
    assert (batch >= 0).all()
    if classes > 2:
        assert np.allclose(batch.sum(axis=1), 1, atol=1e-12)


def test_several_classes_are_mended_too(learn: Learn) -> None:
    frame = world(5700, 700, classes=3, strength=2.0)
    raw, mended = (learn(frame, types=TYPES, task="multiclass_classification", calibrate=c).bundle for c in ("none", "auto"))
    held = frame[frame["__split"] == "holdout"]
    happened = pd.Categorical(held["__target"], raw.classes).codes

    raw_loss, loss = (-np.log(b.predict(held)[np.arange(len(held)), happened]).mean() for b in (raw, mended))

    assert loss < 0.85 * raw_loss


def test_the_same_rows_give_the_same_bytes_and_other_maps_are_another_model(learn: Learn) -> None:
    frame = world(900, 700)
    one, two = (learn(frame, types=TYPES, threads=threads).bundle for threads in (1, 2))
    other = learn(frame, types=TYPES, calibrate="isotonic").bundle

    assert one.calibration is not None
    assert one.digest == two.digest
    assert compare(one, two, frame).by == "bundle"
    assert (compare(one, other, frame).status, compare(one, other, frame).by) == ("fail", "trees")


def test_a_bundle_of_before_there_was_a_map_is_trained_again_without_one(learn: Learn, declare: Callable[..., Model]) -> None:
    frame = world(900, 700)
    old, mapped = learn(frame, types=TYPES, calibrate="none").bundle, learn(frame, types=TYPES).bundle
    declared = declare()

    assert as_trained(declared, mapped).training.calibrate == "auto"
    again = learn(frame, types=TYPES, calibrate=as_trained(declared, old).training.calibrate).bundle
    assert again.digest == old.digest
    assert compare(old, mapped, frame).status == "fail"


def test_early_stopping_is_not_decided_again_for_the_map(learn: Learn, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlops_assets.modeling.estimators.lightgbm import LightGBMRecipe

    settled: list[int] = []
    right = LightGBMRecipe.best_rounds
    monkeypatch.setattr(LightGBMRecipe, "best_rounds", lambda *args: settled.append(right(*args)) or settled[-1])

    learn(world(900, 700), types=TYPES, estimator={"lightgbm": {"early_stopping_rounds": 10}}, calibrate="sigmoid")

    assert len(settled) == 1


@pytest.mark.parametrize("calibrate", ["sigmoid", "isotonic"])
def test_a_regression_has_nothing_to_map(calibrate: str, learn: Learn) -> None:
    frame = world(300, 200).assign(__target=1.0)
    frame["__target"] = frame["a"] * 2

    with pytest.raises(ModelingError, match="regression has none"):
        learn(frame, types=TYPES, task="regression", calibrate=calibrate)
    trained = learn(frame, types=TYPES, task="regression")
    assert trained.bundle.calibration is None
    assert not trained.notes


@pytest.mark.parametrize("calibrate", ["auto", "sigmoid", "isotonic"])
def test_too_few_rows_give_no_map_and_a_note(calibrate: str, learn: Learn) -> None:
    frame = world(700, 600)
    rare = frame.assign(__target=frame.index < 4)

    for few in (frame.iloc[:30], rare):
        trained = learn(few, types=TYPES, calibrate=calibrate)
        assert trained.bundle.calibration is None
        assert any("too few" in note for note in trained.notes)
    assert not learn(frame, types=TYPES, calibrate=calibrate).notes


def dated(frame: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """The same rows over a hundred days, in order, with labels that are final ``horizon`` days later."""
    day = np.arange(len(frame)) * 100 // len(frame)
    as_of = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(day, unit="D")
    return frame.assign(__as_of=as_of, __label_end=as_of + pd.Timedelta(days=horizon))


@pytest.mark.parametrize(("rows", "newest"), [(1000, 0.4), (4000, 0.2)])
def test_dated_rows_are_mended_by_the_newest_training_rows(rows: int, newest: float, learn: Learn, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlops_assets.modeling.learner import Learner

    frame = dated(world(rows * 5 // 4, rows), horizon=5)
    learned: list[pd.DataFrame] = []
    right = Learner.learn

    def watched(self: Learner, recipe: Any, places: Any = None, **named: Any) -> Any:
        learned.append(self.frame if places is None else self.frame.iloc[places])
        return right(self, recipe, places, **named)

    monkeypatch.setattr(Learner, "learn", watched)
    trained = learn(frame, types=TYPES, calibrate="sigmoid")

    assert trained.bundle.calibration is not None
    assert trained.bundle.calibration.rows == pytest.approx(newest * rows, rel=0.05)
    whole, *parts = learned
    assert len(whole) == rows
    assert whole["__split"].eq("train").all()
    begins = [whole["__as_of"].sort_values().iloc[round(rows * (1 - 0.2 * number))] for number in range(len(parts), 0, -1)]
    for part, begin in zip(parts, begins, strict=True):
        assert (part["__label_end"] <= begin).all()


def test_the_newest_rows_decide_where_the_world_has_moved(learn: Learn) -> None:
    """The base rate of the last fifth is another one: the map follows it, and the holdout after it changes nothing."""
    frame = dated(world(5000, 4000), horizon=0)
    frame.loc[3200:, "__target"] &= np.random.default_rng(2).random(len(frame) - 3200) < 0.3
    raw, mended = (learn(frame, types=TYPES, calibrate=c).bundle for c in ("none", "sigmoid"))
    held = frame[frame["__split"] == "holdout"]
    rate = held["__target"].mean()

    assert mended.predict(held).mean() == pytest.approx(rate, abs=0.03)
    assert raw.predict(held).mean() > rate + 0.1
    other = frame.assign(__target=frame["__target"] | (frame["__split"] == "holdout"))
    assert learn(other, types=TYPES, calibrate="sigmoid").bundle.digest == mended.digest


def test_rows_of_weight_zero_mend_nothing(learn: Learn) -> None:
    frame = world(2000, 2000)
    frame["__weight"] = np.where(np.arange(2000) < 1000, 1.0, 0.0)
    frame.loc[1000:, "__target"] = True
    trained = learn(frame, types=TYPES, weights="importance", calibrate="sigmoid")

    assert trained.bundle.calibration is not None
    assert trained.bundle.calibration.rows == 1000
    assert trained.bundle.predict(frame).mean() == pytest.approx(frame["chance"].mean(), abs=0.03)


scores = st.floats(0, 1)


@given(st.lists(scores, min_size=2, max_size=60), st.data(), st.sampled_from([fit_sigmoid, fit_isotonic]))
def test_any_map_rises_stays_within_0_and_1_and_comes_back_from_its_json(found: list[float], data: Any, fit: Any) -> None:
    score = np.array(found)
    y = np.array([0.0, 1.0, *data.draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=len(found) - 2, max_size=len(found) - 2))])
    fitted: Calibration = fit(score, y, np.ones(len(y)), 2)
    asked = np.sort(np.concatenate([score, np.linspace(0, 1, 11)]))

    mapped = fitted.apply(asked)

    assert np.isfinite(mapped).all()
    assert (np.diff(mapped) >= -1e-15).all()
    assert ((mapped >= 0) & (mapped <= 1)).all()
    assert [fitted.one([value])[0] for value in asked.tolist()] == mapped.tolist()
    again = read_calibration(json.loads(json.dumps(fitted.to_json())))
    assert again == fitted


def test_the_sigmoid_finds_the_curve_that_the_outcomes_follow() -> None:
    random = np.random.default_rng(0)
    odds = random.normal(size=200_000)
    y = (random.random(len(odds)) < 1 / (1 + np.exp(-(0.5 + 0.4 * odds)))).astype(float)

    found = fit_sigmoid(1 / (1 + np.exp(-odds)), y, np.ones(len(y)), 2)

    assert found.slope == pytest.approx(0.4, abs=0.02)
    assert found.intercepts[0] == pytest.approx(0.5, abs=0.02)


def test_scores_against_the_outcomes_become_nearly_the_base_rate_in_their_order() -> None:
    random = np.random.default_rng(0)
    score = random.random(2000)
    y = (random.random(2000) < 0.3 * (1 - score)).astype(float)

    mapped = fit_sigmoid(score, y, np.ones(2000), 2).apply(np.sort(score))

    assert (np.diff(mapped) > 0).all()
    assert mapped.min() == pytest.approx(y.mean(), abs=0.02)
    assert mapped.max() == pytest.approx(y.mean(), abs=0.02)
