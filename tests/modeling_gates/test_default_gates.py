"""The gates that every model has: what turns each red, and what stays green."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.modeling.synthetic import make_bundle

from .cases import judged, model_of, ranked, reading, scored_set, training_set

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)


class TestBeatsNaive:
    def test_a_model_that_ranks_better_than_chance_passes(self) -> None:
        rows, bundle = scored_set(*ranked(0.7, 1000))
        result = judged(model_of(), bundle, rows, "beats_naive")
        assert result.status == "pass"
        assert result.interval is not None
        assert result.interval[0] > 0.5
        assert result.n == 1000

    def test_random_scores_fail_and_on_few_rows_they_are_inconclusive(self) -> None:
        for n, status in ((3000, "fail"), (300, "inconclusive")):
            y, _ = ranked(0.7, n)
            rows, bundle = scored_set(y, np.random.default_rng(3).uniform(0.3, 0.7, n))
            assert judged(model_of(), bundle, rows, "beats_naive").status == status

    def test_of_a_thousand_coin_flips_none_passes(self) -> None:
        for seed in range(1000):
            random = np.random.default_rng(seed)
            n = (60, 300, 1000)[seed % 3]
            rows, bundle = scored_set(random.random(n) < 0.3, random.random(n))
            assert judged(model_of(), bundle, rows, "beats_naive").status != "pass"

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

    @pytest.mark.parametrize(("mine", "other", "status"), [(0.1, 0.2, "pass"), (0.2, 0.1, "fail")])
    def test_on_one_class_it_compares_by_a_metric_that_exists_there_and_says_so(self, mine: float, other: float, status: str) -> None:
        random = np.random.default_rng(0)
        scores = [random.uniform(0.5, 1.5, 600) * share for share in (mine, other)]
        rows, bundle = self.rows(*scores, np.zeros(600))
        for gates, name in (((), "champion"), (({"metric": "roc_auc", "versus": "champion"},), "roc_auc_versus_champion")):
            result = judged(model_of(gates=gates), bundle, rows, name, champion=reading("other"))
            assert (result.status, result.data["metric"]) == (status, "log_loss")
            assert result.detail.startswith("One class only: compared by log_loss; log_loss 0.")
            assert result.required.startswith("log_loss at most 0.01 of its value worse")
            assert judged(model_of(gates=gates), bundle, rows, "label_quality", champion=reading("other")).status == "fail"

    def test_one_class_in_few_rows_is_inconclusive(self) -> None:
        rows, bundle = self.rows(np.full(20, 0.2), np.full(20, 0.1), np.zeros(20))
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
