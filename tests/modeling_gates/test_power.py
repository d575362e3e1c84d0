"""The rows that gates need, told beforehand, against sound models that are judged on as many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from mlops_assets.modeling.holdout_power import Brought, shortest_of_all, standings
from mlops_assets.modeling.metric_spread import spread
from mlops_assets.modeling.power import Assumed, Need, needs
from mlops_assets.modeling.synthetic import make_bundle

from .cases import judged, model_of, scored_set

SEEDS = 60


def need(name: str, gates: Any = (), task: str = "binary_classification", **assumed: Any) -> Need:
    return next(one for one in needs(model_of(task, gates), Assumed(**assumed)) if one.gate == name)


def rows(name: str, gates: Any = (), task: str = "binary_classification", **assumed: Any) -> int:
    found = need(name, gates, task, **assumed).rows
    assert found is not None
    return found


def normal_scores(auc: float, rate: float, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes of a base rate and calibrated scores of an AUC."""
    random = np.random.default_rng(seed)
    d = np.sqrt(2) * stats.norm.ppf(auc)
    y = (random.random(n) < rate).astype(int)
    x = random.normal(size=n) + d * y
    return y, 1 / (1 + np.exp(-(d * x - d * d / 2 + np.log(rate / (1 - rate)))))


def passing(name: str, n: int, *, gates: Any = (), auc: float = 0.75, rate: float = 0.5) -> float:
    """The share of sound models that a gate passes on ``n`` rows."""
    passed = 0
    for seed in range(SEEDS):
        y, p = normal_scores(auc, rate, n, seed)
        both, bundle = scored_set(y, p, y_train=np.arange(400) < 400 * rate)
        passed += judged(model_of(gates=gates), bundle, both, name).status == "pass"
    return passed / SEEDS


CASES = [
    ("beats_naive", (), 0.75, 0.5),
    ("beats_naive", (), 0.75, 0.1),
    ("calibration", (), 0.75, 0.5),
    ("calibration", ({"gate": "calibration", "max_error": 0.06},), 0.75, 0.3),
    ("roc_auc", ({"metric": "roc_auc", "at_least": 0.8},), 0.85, 0.5),
    ("roc_auc", ({"metric": "roc_auc", "at_least": 0.8},), 0.85, 0.2),
    ("label_quality", (), 0.75, 0.05),
]


@pytest.mark.parametrize(("name", "gates", "auc", "rate"), CASES)
def test_a_sound_model_passes_on_the_rows_that_are_said_and_clearly_less_often_on_a_quarter(
    name: str, gates: Any, auc: float, rate: float
) -> None:
    needed = rows(name, gates, rate=rate)
    enough = passing(name, needed, gates=gates, auc=auc, rate=rate)
    few = passing(name, needed // 4, gates=gates, auc=auc, rate=rate)
    assert enough >= 0.85, (needed, enough)
    assert few <= enough - 0.3, (needed, few)


def test_numbers_that_follow_their_features_are_told_from_their_mean_on_the_rows_that_are_said() -> None:
    needed = rows("beats_naive", task="regression")
    shares = []
    for n in (needed, needed // 4):
        passed = 0
        for seed in range(SEEDS):
            random = np.random.default_rng(seed)
            f = random.normal(0, np.sqrt(0.3), n)
            both, bundle = scored_set(f + random.normal(0, np.sqrt(0.7), n), f, y_train=random.normal(size=400), task="regression")
            passed += judged(model_of("regression"), bundle, both, "beats_naive").status == "pass"
        shares.append(passed / SEEDS)
    assert shares[0] >= 0.85
    assert shares[1] <= shares[0] - 0.3


def test_groups_that_are_treated_alike_pass_on_the_rows_that_are_said() -> None:
    gates, name = ({"fairness": "demographic_parity_difference", "attribute": "g", "at_most": 0.1},), "demographic_parity_difference_by_g"
    needed = rows(name, gates, rate=0.3, groups={"g": (0.3, 0.7)})
    shares = []
    for n in (needed, needed // 4):
        passed = 0
        for seed in range(SEEDS):
            y, p = normal_scores(0.75, 0.3, n, seed)
            group = np.where(np.random.default_rng(seed + 1000).random(n) < 0.3, "a", "b")
            both, bundle = scored_set(y, p, y_train=np.arange(400) < 120, g=group)
            passed += judged(model_of(gates=gates), bundle, both, name).status == "pass"
        shares.append(passed / SEEDS)
    assert shares[0] >= 0.85
    assert shares[1] <= shares[0] - 0.3


def test_a_candidate_as_good_as_the_champion_passes_beside_it_on_the_rows_that_are_said() -> None:
    needed = rows("champion", rate=0.5)
    shares = []
    for n in (needed, needed // 4):
        passed = 0
        for seed in range(SEEDS):
            random = np.random.default_rng(seed)
            y = (random.random(n) < 0.5).astype(int)
            seen = random.normal(size=n) * np.sqrt(0.98) + np.sqrt(2) * stats.norm.ppf(0.75) * y
            mine, other = (1 / (1 + np.exp(-(seen + np.sqrt(0.02) * random.normal(size=n)))) for _ in range(2))
            both, bundle = scored_set(y, mine, other=other)
            champion = make_bundle("binary_classification", lambda f: f["other"].to_numpy(float), {"other": "float64"})
            passed += judged(model_of(), bundle, both, "champion", champion=champion).status == "pass"
        shares.append(passed / SEEDS)
    assert shares[0] >= 0.85
    assert shares[1] <= shares[0] - 0.3


def test_the_spread_of_an_auc_is_that_of_its_resamples() -> None:
    from mlops_assets.modeling.bootstrap import Blocks, draw
    from mlops_assets.modeling.metrics import metric_of

    y, p = normal_scores(0.8, 0.3, 2000, 1)
    statistic = metric_of("roc_auc", "binary_classification").prepare(y.astype(float), p)
    found = draw({"auc": statistic}, Blocks(np.arange(2000), 2000, "row"), seed=1)["auc"]
    assert np.std(found.resampled) * np.sqrt(2000) == pytest.approx(spread("roc_auc", found.value, float(y.mean())), rel=0.1)


def test_nearer_limits_and_more_confidence_need_more_rows() -> None:
    by_margin = [rows("champion", ({"gate": "champion", "margin": margin},)) for margin in (0.05, 0.02, 0.01, 0.005)]
    assert by_margin == sorted(by_margin)
    assert by_margin[-1] > 50 * by_margin[0]
    by_confidence = [rows("roc_auc", ({"metric": "roc_auc", "at_least": 0.6, "confidence": c},)) for c in (0.8, 0.95, 0.99)]
    assert by_confidence == sorted(set(by_confidence))
    by_error = [rows("calibration", ({"gate": "calibration", "max_error": error},)) for error in (0.1, 0.05, 0.02)]
    assert by_error == sorted(set(by_error))


def test_a_rarer_positive_class_and_a_smaller_slice_need_more_rows() -> None:
    assert [rows("beats_naive", rate=r) for r in (0.5, 0.1, 0.02)] == sorted({rows("beats_naive", rate=r) for r in (0.5, 0.1, 0.02)})
    gates = ({"metric": "roc_auc", "slice": "g", "at_least": 0.6},)
    assert rows("roc_auc_by_g", gates, groups={"g": (0.9, 0.1)}) > 2 * rows("roc_auc_by_g", gates, groups={"g": (0.5, 0.5)})
    fair = ({"fairness": "demographic_parity_ratio", "attribute": "g", "at_least": 0.8},)
    name = "demographic_parity_ratio_by_g"
    assert rows(name, fair, groups={"g": (0.9, 0.1)}) > rows(name, fair, groups={"g": (0.5, 0.5)})


def test_a_model_that_is_known_to_be_far_from_the_limit_needs_fewer_rows() -> None:
    gates = ({"metric": "roc_auc", "at_least": 0.75},)
    assert rows("roc_auc", gates, value={"roc_auc": 0.9}) < rows("roc_auc", gates)


def test_a_limit_that_no_sound_model_is_on_the_right_side_of_is_decided_by_no_number_of_rows() -> None:
    assert need("champion", ({"gate": "champion", "margin": 0},)).rows is None


def test_gates_that_are_off_or_look_at_no_sample_need_none() -> None:
    off = {"gate": "calibration", "off": True, "reason": "ranking only"}
    found = {one.gate for one in needs(model_of(gates=[off, {"latency": "p99_ms", "at_most": 20}]))}
    assert found == {"beats_naive", "leakage", "champion", "label_quality"}


class TestShortestHoldout:
    def test_periods_are_counted_until_their_rows_suffice(self) -> None:
        brought = Brought("week", 1, 11, 336, [336.0 * k for k in range(1, 13)])
        found = {one.gate: one for one in standings([Need("a", 300, ""), Need("b", 1300, "")], brought)}
        assert (found["a"].decides, found["a"].shortest) == (True, 1)
        assert (found["b"].decides, found["b"].shortest) == (False, 4)
        assert brought.written(4) == "4w"
        assert shortest_of_all(found.values()) == 4

    def test_none_is_long_enough_where_the_window_ends_before(self) -> None:
        brought = Brought("month", 1, 5, 100, [100.0, 200.0])
        assert brought.shortest(500) == 5
        assert brought.shortest(501) is None

    def test_a_length_from_which_on_dependent_rows_are_worth_too_little_again_does_not_count(self) -> None:
        assert Brought("day", 1, 30, 50, [60.0, 120.0, 80.0, 110.0, 130.0]).shortest(100) == 4

    def test_undated_rows_have_a_share_and_never_more_than_half(self) -> None:
        brought = Brought(None, 0.3, 0.5, 300, [1000.0])
        assert brought.written(brought.shortest(321) or 0) == "33%"
        assert brought.shortest(501) is None
