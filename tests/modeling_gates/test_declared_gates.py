"""The gates that a definition declares: what turns each red, and what stays green."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_assets.modeling.synthetic import make_bundle

from .cases import judged, model_of, ranked, reading, scored_set


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
