"""For every gate a case that it refuses, one that it lets pass, and one that it cannot tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.modeling.gates import GateContext, gates_of, judge_all
from mlops_assets.modeling.synthetic import make_bundle

from .cases import judged, model_of, ranked, scored_set, trained, training_set

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)


def reading(column: str, task: str = "binary_classification", **more: Any) -> Any:
    return make_bundle(task, lambda frame: frame[column].to_numpy(float), {column: "float64"}, **more)


class TestBeatsNaive:
    def test_a_model_that_ranks_better_than_chance_passes(self) -> None:
        rows, bundle = scored_set(*ranked(0.7, 1000))
        result = judged(model_of(), bundle, rows, "beats_naive")
        assert result.status == "pass"
        assert result.interval is not None
        assert result.interval[0] > 0.5
        assert result.n == 1000

    def test_random_scores_fail(self) -> None:
        y, _ = ranked(0.7, 1000)
        rows, bundle = scored_set(y, np.random.default_rng(3).uniform(0.3, 0.7, 1000))
        assert judged(model_of(), bundle, rows, "beats_naive").status == "fail"

    def test_thirty_rows_cannot_tell(self) -> None:
        rows, bundle = scored_set(*ranked(0.95, 30))
        assert judged(model_of(), bundle, rows, "beats_naive").status == "inconclusive"

    def test_a_regression_must_beat_the_mean_of_the_training_rows(self) -> None:
        random = np.random.default_rng(0)
        y = random.normal(5, 2, 500)
        train = random.normal(5, 2, 300)
        good = scored_set(y, y + random.normal(0, 1, 500), y_train=train, task="regression")
        bad = scored_set(y, random.normal(5, 2, 500), y_train=train, task="regression")
        model = model_of("regression")
        assert judged(model, good[1], good[0], "beats_naive").status == "pass"
        assert judged(model, bad[1], bad[0], "beats_naive").status == "fail"


class TestChampion:
    def rows(self, mine: Any, other: Any, y: Any) -> Any:
        return scored_set(y, mine, other=other)

    @pytest.mark.parametrize(("mine", "status"), [(0.80, "pass"), (0.70, "fail")])
    def test_it_is_judged_by_the_paired_difference(self, mine: float, status: str) -> None:
        y, champion = ranked(0.8, 4000, seed=1)
        _, scores = ranked(mine, 4000, seed=1)
        rows, bundle = self.rows(scores, champion, y)
        result = judged(model_of(), bundle, rows, "champion", champion=reading("other"))
        assert result.status == status

    def test_few_rows_and_unrelated_models_are_inconclusive(self) -> None:
        y, champion = ranked(0.8, 150, seed=1)
        _, scores = ranked(0.8, 150, seed=2)
        rows, bundle = self.rows(scores, champion, y)
        assert judged(model_of(), bundle, rows, "champion", champion=reading("other")).status == "inconclusive"

    def test_without_a_champion_it_does_not_apply_and_says_so(self) -> None:
        rows, bundle = scored_set(*ranked(0.8, 100))
        result = judged(model_of(), bundle, rows, "champion")
        assert (result.status, result.detail) == ("not_applicable", "There is no champion yet.")

    def test_a_champion_that_cannot_score_these_rows_is_inconclusive_and_says_why(self) -> None:
        rows, bundle = scored_set(*ranked(0.8, 1000))
        result = judged(model_of(), bundle, rows, "champion", champion=reading("gone"))
        assert result.status == "inconclusive"
        assert "needs gone" in result.detail

    def test_a_declared_margin_lets_more_pass(self) -> None:
        y, champion = ranked(0.8, 4000, seed=1)
        _, scores = ranked(0.77, 4000, seed=1)
        rows, bundle = self.rows(scores, champion, y)
        strict, lax = model_of(), model_of(gates=[{"gate": "champion", "margin": 0.1}])
        assert judged(strict, bundle, rows, "champion", champion=reading("other")).status == "fail"
        assert judged(lax, bundle, rows, "champion", champion=reading("other")).status == "pass"


class TestCalibration:
    def test_true_probabilities_pass(self) -> None:
        rows, bundle = scored_set(*ranked(0.75, 2000))
        assert judged(model_of(), bundle, rows, "calibration").status == "pass"

    def test_probabilities_that_are_too_sure_fail(self) -> None:
        y, p = ranked(0.65, 2000)
        rows, bundle = scored_set(y, np.where(p > 0.5, 0.97, 0.03))
        assert judged(model_of(), bundle, rows, "calibration").status == "fail"

    def test_a_constant_ten_per_cent_fails_where_two_per_cent_are_positive(self) -> None:
        y = np.arange(5000) % 50 == 0
        rows, bundle = scored_set(y, np.full(5000, 0.1), y_train=y)
        assert judged(model_of(), bundle, rows, "calibration").status == "fail"

    def test_few_rows_are_inconclusive(self) -> None:
        rows, bundle = scored_set(*ranked(0.75, 60))
        assert judged(model_of(), bundle, rows, "calibration").status == "inconclusive"

    def test_a_declared_limit_replaces_the_default(self) -> None:
        y, p = ranked(0.75, 4000)
        rows, bundle = scored_set(y, np.clip(p + 0.15, 0, 1))
        assert judged(model_of(), bundle, rows, "calibration").status == "fail"
        assert judged(model_of(gates=[{"gate": "calibration", "max_error": "25%"}]), bundle, rows, "calibration").status == "pass"


class TestLabelQuality:
    def test_a_holdout_like_the_training_rows_passes(self) -> None:
        rows, bundle = scored_set(*ranked(0.75, 500))
        assert judged(model_of(), bundle, rows, "label_quality").status == "pass"

    def test_one_class_fails(self) -> None:
        rows, bundle = scored_set(np.ones(200), np.full(200, 0.5))
        result = judged(model_of(), bundle, rows, "label_quality")
        assert result.status == "fail"
        assert "class True" in result.detail

    def test_a_base_rate_that_goes_from_four_to_fifty_per_cent_fails(self) -> None:
        rows, bundle = scored_set(*ranked(0.75, 500), y_train=np.arange(1000) % 25 == 0)
        result = judged(model_of(), bundle, rows, "label_quality")
        assert result.status == "fail"
        assert "0.04 to 0.5" in result.detail

    def test_a_declared_jump_lets_it_pass(self) -> None:
        rows, bundle = scored_set(*ranked(0.75, 500), y_train=np.arange(1000) % 25 == 0)
        assert judged(model_of(gates=[{"gate": "label_quality", "max_jump": 0.6}]), bundle, rows, "label_quality").status == "pass"

    def test_a_large_difference_of_few_rows_is_inconclusive(self) -> None:
        y = np.resize([1, 1, 1, 0, 0], 55)
        rows, bundle = scored_set(y, np.full(55, 0.5), y_train=np.resize([1, 0], 40))
        model = model_of(gates=[{"gate": "label_quality", "max_jump": 0.08}])
        assert judged(model, bundle, rows, "label_quality").status == "inconclusive"

    def test_twenty_rows_are_inconclusive(self) -> None:
        rows, bundle = scored_set(np.resize([0, 1], 20), np.full(20, 0.5))
        assert judged(model_of(), bundle, rows, "label_quality").status == "inconclusive"

    def test_labels_that_become_final_after_the_models_time_fail(self) -> None:
        frame = pd.DataFrame({"x": 0.5, "y": np.resize([False, True], 400)})
        ends = np.where(np.arange(400) < 398, AS_OF, AS_OF + timedelta(hours=1))
        rows = training_set(frame, holdout=np.arange(400) >= 200, features={"x": "float64"}, label_end=ends)
        late = judged(model_of(), reading("x"), rows, "label_quality", as_of=AS_OF)
        assert late.status == "fail"
        assert "2 labels" in late.detail
        assert judged(model_of(), reading("x"), rows, "label_quality", as_of=AS_OF + timedelta(days=1)).status == "pass"

    def test_missing_targets_fail(self) -> None:
        frame = pd.DataFrame({"x": 0.5, "y": [True, False] * 199 + [None, None]})
        rows = training_set(frame, holdout=np.arange(400) >= 200, features={"x": "float64"})
        assert judged(model_of(), reading("x"), rows, "label_quality").status == "fail"

    def test_a_class_that_training_never_saw_fails_and_is_named(self) -> None:
        frame = pd.DataFrame({"x": 0.5, "y": ["a", "b", "c", "a"] * 75 + ["a", "b", "c", "new"] * 25})
        rows = training_set(frame, holdout=np.arange(400) >= 300, features={"x": "float64"})
        bundle = make_bundle("multiclass_classification", lambda f: np.full((len(f), 3), 1 / 3), {"x": "float64"})
        result = judged(model_of("multiclass_classification"), bundle, rows, "label_quality")
        assert result.status == "fail"
        assert "never saw: new" in result.detail

    def test_a_target_that_shifts_by_two_standard_deviations_fails(self) -> None:
        y = np.random.default_rng(0).normal(0, 1, 300)
        rows, bundle = scored_set(y + 2, y, y_train=y, task="regression")
        assert judged(model_of("regression"), bundle, rows, "label_quality").status == "fail"


class TestConsistency:
    def test_the_same_numbers_pass(self) -> None:
        rows, bundle = scored_set(*ranked(0.75, 300))
        assert judged(model_of(), bundle, rows, "consistency").status == "pass"

    def test_a_difference_of_a_billionth_fails(self) -> None:
        rows, _ = scored_set(*ranked(0.75, 300))
        result = judged(model_of(), reading("p", alone=1e-9), rows, "consistency")
        assert result.status == "fail"
        assert "200 of 200 rows" in result.detail

    @pytest.mark.parametrize("value", [1.2, -0.1, float("nan")])
    def test_a_number_that_is_no_probability_fails(self, value: float) -> None:
        y, p = ranked(0.75, 300)
        p[7] = value
        rows, bundle = scored_set(y, p)
        result = judged(model_of(), bundle, rows, "consistency")
        assert result.status == "fail"
        assert "no probabilities" in result.detail


class TestMetric:
    @pytest.mark.parametrize(("at_least", "status"), [(0.7, "pass"), (0.8, "inconclusive"), (0.9, "fail")])
    def test_the_interval_decides(self, at_least: float, status: str) -> None:
        rows, bundle = scored_set(*ranked(0.8, 600, seed=4))
        assert judged(model_of(gates=[{"metric": "roc_auc", "at_least": at_least}]), bundle, rows, "roc_auc").status == status

    def test_a_declared_confidence_narrows_the_interval_and_is_shown(self) -> None:
        rows, bundle = scored_set(*ranked(0.8, 600, seed=4))
        wide = judged(model_of(gates=[{"metric": "roc_auc", "at_least": 0.7}]), bundle, rows, "roc_auc")
        narrow = judged(model_of(gates=[{"metric": "roc_auc", "at_least": 0.7, "confidence": 0.6}]), bundle, rows, "roc_auc")
        assert wide.interval is not None
        assert narrow.interval is not None
        assert narrow.interval[1] - narrow.interval[0] < wide.interval[1] - wide.interval[0]
        assert "confidence 0.6" in narrow.required

    def test_a_large_bias_of_either_sign_fails(self) -> None:
        y = np.random.default_rng(0).normal(0, 1, 300)
        model = model_of("regression", [{"metric": "bias", "at_most": 0.5}])
        for shift, status in ((-2.0, "fail"), (2.0, "fail"), (0.1, "pass")):
            rows, bundle = scored_set(y, y + shift, y_train=y, task="regression")
            assert judged(model, bundle, rows, "bias").status == status, shift

    def slice_result(self, weak: float, small: int = 1000) -> Any:
        y, p = ranked(0.9, 3000, seed=1)
        _, worse = ranked(weak, 3000, seed=1)
        region = np.where(np.arange(3000) < 3000 - small, "north", "south")
        rows, bundle = scored_set(y, np.where(region == "south", worse, p), region=region)
        model = model_of(gates=[{"metric": "roc_auc", "slice": "region", "at_least": 0.7}])
        return judged(model, bundle, rows, "roc_auc_by_region")

    def test_one_weak_slice_fails_and_is_named(self) -> None:
        result = self.slice_result(0.55)
        assert result.status == "fail"
        assert "south" in result.detail
        assert "north" not in result.detail
        assert result.data["slices"]["north"]["status"] == "pass"

    def test_strong_slices_pass(self) -> None:
        assert self.slice_result(0.9).status == "pass"

    def test_a_small_slice_is_inconclusive_and_named_with_its_n(self) -> None:
        result = self.slice_result(0.9, small=12)
        assert result.status == "inconclusive"
        assert "south" in result.detail
        assert "n 12" in result.detail

    def test_versus_naive_and_versus_champion_compare_on_the_same_rows(self) -> None:
        y, champion = ranked(0.8, 3000, seed=1)
        rows, bundle = scored_set(y, champion, other=champion)
        model = model_of(gates=[{"metric": "log_loss", "versus": "naive"}, {"metric": "brier", "versus": "champion"}])
        assert judged(model, bundle, rows, "log_loss_versus_naive").status == "pass"
        assert judged(model, bundle, rows, "brier_versus_champion", champion=reading("other")).observed == 0.0
        rows, bundle = scored_set(y, np.full(3000, 0.5))
        assert judged(model, bundle, rows, "log_loss_versus_naive").status == "fail"

    def test_an_unknown_slice_column_is_inconclusive_and_names_the_columns(self) -> None:
        rows, bundle = scored_set(*ranked(0.8, 300), region="x")
        result = judged(model_of(gates=[{"metric": "f1", "slice": "regoin", "at_least": 0.5}]), bundle, rows, "f1_by_regoin")
        assert result.status == "inconclusive"
        assert "region" in result.detail


class TestFairness:
    GATE = ({"fairness": "demographic_parity_ratio", "attribute": "sex", "at_least": 0.8},)

    def result(self, share_b: float, n: int = 4000, extra: int = 0) -> Any:
        random = np.random.default_rng(0)
        sex = np.r_[np.resize(["a", "b"], n - extra), np.full(extra, "c")]
        chosen = random.random(n) < np.where(sex == "b", share_b, 0.5)
        rows, bundle = scored_set(random.integers(0, 2, n), chosen.astype(float), sex=sex)
        return judged(model_of(gates=self.GATE), bundle, rows, "demographic_parity_ratio_by_sex")

    def test_equal_selection_passes_with_n_per_group(self) -> None:
        result = self.result(0.5)
        assert result.status == "pass"
        assert {group: found["n"] for group, found in result.data["groups"].items()} == {"a": 2000, "b": 2000}

    def test_half_the_selection_fails(self) -> None:
        assert self.result(0.25).status == "fail"

    def test_a_value_near_the_limit_is_inconclusive(self) -> None:
        assert self.result(0.4, n=400).status == "inconclusive"

    def test_a_small_group_keeps_it_from_passing_and_is_named(self) -> None:
        result = self.result(0.5, extra=10)
        assert result.status == "inconclusive"
        assert "c (n 10)" in result.detail

    @pytest.mark.parametrize("metric", ["demographic_parity", "equalized_odds", "equal_opportunity"])
    @pytest.mark.parametrize("kind", ["ratio", "difference"])
    def test_the_resampled_statistic_equals_fairlearns(self, metric: str, kind: str) -> None:
        from fairlearn import metrics as fairlearn

        from mlops_assets.modeling.gates.fairness import group_statistic

        random = np.random.default_rng(1)
        y, chosen, group = random.integers(0, 2, 600), random.random(600) < 0.4, random.integers(0, 3, 600)
        found = group_statistic(f"{metric}_{kind}", y, chosen, [group == g for g in range(3)]).at(np.ones((1, 600)))[0]
        expected = getattr(fairlearn, f"{metric}_{kind}")(y, chosen.astype(int), sensitive_features=group)
        assert found == pytest.approx(expected)


class TestRobustness:
    def rows(self) -> Any:
        y, p = ranked(0.9, 2000)
        return scored_set(y, p)

    @pytest.mark.parametrize(("kind", "scale", "status"), [("noise", 0.01, "pass"), ("noise", 3.0, "fail"), ("missing", 0.5, "fail")])
    def test_the_loss_decides(self, kind: str, scale: float, status: str) -> None:
        rows, _ = self.rows()
        bundle = make_bundle("binary_classification", lambda f: f["p"].astype(float).fillna(0.5).clip(0, 1).to_numpy(), {"p": "float64"})
        model = model_of(gates=[{"robustness": kind, "scale": scale, "max_drop": 0.03}])
        assert judged(model, bundle, rows, f"robustness_{kind}").status == status

    def test_noise_does_not_apply_without_numbers(self) -> None:
        y, p = ranked(0.9, 200)
        rows, _ = scored_set(y, p, colour="red")
        bundle = make_bundle("binary_classification", lambda f: np.full(len(f), 0.5), {"colour": "category"})
        model = model_of(gates=[{"robustness": "noise", "scale": 1, "max_drop": 0.1}])
        assert judged(model, bundle, rows, "robustness_noise").status == "not_applicable"

    def test_few_rows_are_inconclusive(self) -> None:
        rows, _ = scored_set(*ranked(0.9, 40))
        bundle = make_bundle("binary_classification", lambda f: f["p"].clip(0, 1).to_numpy(), {"p": "float64"})
        model = model_of(gates=[{"robustness": "noise", "scale": 0.1, "max_drop": 0.3}])
        assert judged(model, bundle, rows, "robustness_noise").status == "inconclusive"


class TestLatency:
    def result(self, milliseconds: Any, at_most: float = 10) -> Any:
        now, calls = [0.0], [0]

        def wait() -> None:
            calls[0] += 1
            now[0] += milliseconds(calls[0]) / 1000

        rows, _ = scored_set(*ranked(0.8, 300))
        bundle = make_bundle("binary_classification", lambda f: f["p"].to_numpy(), {"p": "float64"}, before_row=wait)
        model = model_of(gates=[{"latency": "p99_ms", "at_most": at_most}])
        return judged(model, bundle, rows, "latency_p99_ms", clock=lambda: now[0])

    def test_fast_passes_and_slow_fails(self) -> None:
        assert self.result(lambda call: 1).status == "pass"
        assert self.result(lambda call: 50).status == "fail"

    def test_a_slow_tail_fails_though_most_are_fast(self) -> None:
        assert self.result(lambda call: 30 if call % 20 == 0 else 1).status == "fail"

    def test_a_tail_about_as_long_as_the_quantile_is_inconclusive(self) -> None:
        assert self.result(lambda call: 30 if call % 100 == 0 else 1).status == "inconclusive"


class TestPython:
    def result(self, tmp_path: Path, body: str) -> Any:
        (tmp_path / "mine.py").write_text(f"def check(evaluation):\n    {body}\n")
        rows, bundle = scored_set(*ranked(0.8, 300))
        return judged(model_of(gates=[{"python": ".mine:check"}]), bundle, rows, "check", folder=tmp_path)

    def test_it_reads_the_evaluation(self, tmp_path: Path) -> None:
        assert self.result(tmp_path, "return evaluation.metrics['roc_auc']['value'] > 0.7").status == "pass"
        assert self.result(tmp_path, "return evaluation.metrics['roc_auc']['value'] > 0.99").status == "fail"

    def test_it_may_answer_with_numbers(self, tmp_path: Path) -> None:
        result = self.result(tmp_path, "return {'status': 'inconclusive', 'observed': 3, 'interval': [1, 5], 'n': 12, 'required': 'more'}")
        assert (result.status, result.observed, result.interval, result.n, result.required) == ("inconclusive", 3, (1, 5), 12, "more")

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("raise ValueError('no such slice')", "ValueError: no such slice"),
            ("return None", "NoneType"),
            ("return {'status': 'ok'}", "'ok'"),
            ("return {'status': 'pass', 'observd': 1}", "observd"),
            ("return {'status': 'pass', 'observed': float('nan')}", "plain data"),
            ("return {'status': 'pass', 'data': object()}", "plain data"),
        ],
    )
    def test_anything_else_does_not_pass_and_says_why(self, tmp_path: Path, body: str, said: str) -> None:
        result = self.result(tmp_path, body)
        assert result.status == "fail"
        assert said in result.detail

    def test_a_function_that_is_not_there_is_inconclusive(self, tmp_path: Path) -> None:
        rows, bundle = scored_set(*ranked(0.8, 300))
        result = judged(model_of(gates=[{"python": ".mine:check"}]), bundle, rows, "check", folder=tmp_path)
        assert result.status == "inconclusive"


def test_a_gate_that_is_off_is_shown_with_its_reason() -> None:
    rows, bundle = scored_set(np.ones(200), np.full(200, 0.5))
    model = model_of(gates=[{"gate": "label_quality", "off": True, "reason": "labels are synthetic"}])
    result = judged(model, bundle, rows, "label_quality")
    assert (result.status, result.detail) == ("off", "Turned off: labels are synthetic")


def test_every_gate_yields_one_result_of_its_name_and_the_same_ones_again(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=4000), "z": random.normal(size=4000)})
    frame["y"] = frame.x + random.normal(size=4000) > 0
    rows = training_set(frame, holdout=np.arange(4000) >= 2000, features={"x": "float64", "z": "float64"})
    model = model_of(gates=[{"metric": "roc_auc", "at_least": 0.6}, {"robustness": "noise", "scale": 0.1, "max_drop": 0.1}])
    bundle = trained(model, rows, tmp_path / "bundle")
    first, again = (judge_all(GateContext(model, bundle, rows, None, None, Path(), 7)) for _ in range(2))
    assert [r.name for r in first] == [name for name, _ in gates_of(model)]
    assert [r.to_json() for r in first] == [r.to_json() for r in again]
    assert {r.status for r in first} == {"pass", "not_applicable"}


def test_an_empty_holdout_passes_nothing() -> None:
    frame = pd.DataFrame({"p": 0.5, "g": "a", "y": np.resize([False, True], 100)})
    rows = training_set(frame, holdout=np.zeros(100, bool), features={"p": "float64"})
    gates = [
        {"metric": "roc_auc", "at_least": 0.1},
        {"metric": "roc_auc", "slice": "g", "at_least": 0.1},
        {"metric": "roc_auc", "versus": "naive"},
        {"fairness": "demographic_parity_ratio", "attribute": "g", "at_least": 0.1},
        {"robustness": "noise", "scale": 0.1, "max_drop": 0.9},
        {"latency": "p50_ms", "at_most": 100},
    ]
    results = judge_all(GateContext(model_of(gates=gates), reading("p"), rows, None, reading("p"), Path(), 7))
    assert {r.name: r.status for r in results if r.status != "inconclusive"} == {}
