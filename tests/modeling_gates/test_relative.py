"""A candidate that is better than what serves is not refused for what the champion does worse; what is a fault stays one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy import stats

from mlops_assets.modeling.bundle import Bundle
from mlops_assets.modeling.gate_result import RELATIVE
from mlops_assets.modeling.gates import GateContext, judge_all
from mlops_assets.modeling.synthetic import make_bundle
from mlops_assets.modeling.verdict import DIGESTS, Verdict

from .cases import judged, model_of, training_set

N = 1500


def odds(p: np.ndarray) -> np.ndarray:
    return np.log(p / (1 - p))


def score(auc: float, y: np.ndarray, seed: int, *, level: float = 0.0, sharpness: float = 1.0) -> np.ndarray:
    """Normal scores of that AUC, calibrated but for their level and sharpness."""
    d = np.sqrt(2) * stats.norm.ppf(auc)
    x = np.random.default_rng(seed).normal(size=len(y)) + d * y
    return 1 / (1 + np.exp(-(sharpness * (d * x - d * d / 2) + level)))


def a_fallen_champion(level: float, champion_level: float, champion: float = 0.6) -> tuple[Any, Bundle, Bundle]:
    """Training set, candidate of AUC .8 and champion: both claim more than happens, by their levels on the log odds."""
    y = np.resize([0, 1], N)
    frame = pd.DataFrame({"mine": score(0.8, y, 1, level=level), "other": score(champion, y, 2, level=champion_level), "y": y == 1})
    learned = pd.DataFrame({"mine": 0.5, "other": 0.5, "y": np.resize([False, True], 800)})
    rows = training_set(
        pd.concat([learned, frame], ignore_index=True), holdout=np.arange(800 + N) >= 800, features={"mine": "float64", "other": "float64"}
    )
    return rows, *(
        make_bundle("binary_classification", lambda f, c=c: f[c].to_numpy(float), {"mine": "float64", "other": "float64"})
        for c in ("mine", "other")
    )


def calibration(model: Any, case: tuple[Any, Bundle, Bundle], **more: Any) -> Any:
    rows, candidate, champion = case
    return judged(model, candidate, rows, "calibration", champion=champion, **more)


def test_a_candidate_whose_calibration_lies_at_the_limit_passes_beside_a_champion_that_fell_and_says_by_which_rule() -> None:
    result = calibration(model_of(), a_fallen_champion(0.4, 0.6))
    assert (result.status, result.rule) == ("pass", RELATIVE)
    assert result.detail.startswith("Passes relative to the champion: it beats the champion: roc_auc 0.8")
    assert "By itself inconclusive" in result.detail
    assert result.data["absolute"]["status"] == "inconclusive"
    assert result.to_json()["rule"] == "relative to the champion"


def test_one_that_is_well_calibrated_passes_by_itself_and_names_no_rule() -> None:
    result = calibration(model_of(), a_fallen_champion(0.0, 0.6))
    assert (result.status, result.rule) == ("pass", "")
    assert "rule" not in result.to_json()


def test_without_a_champion_or_declared_absolute_it_is_judged_by_itself() -> None:
    rows, candidate, champion = a_fallen_champion(0.9, 1.1)
    assert judged(model_of(), candidate, rows, "calibration").status == "fail"
    absolute = model_of(gates=[{"gate": "calibration", "absolute": True}])
    assert judged(absolute, candidate, rows, "calibration", champion=champion).status == "fail"
    assert judged(model_of(), candidate, rows, "calibration", champion=champion).status == "pass"


def test_one_that_is_worse_calibrated_than_the_champion_is_refused_and_told_so() -> None:
    result = calibration(model_of(), a_fallen_champion(0.9, 0.0))
    assert (result.status, result.rule) == ("fail", "")
    assert "It beats the champion" in result.detail
    assert "but is worse here: calibration error" in result.detail


def test_one_that_is_not_shown_to_be_better_is_judged_by_itself() -> None:
    assert calibration(model_of(), a_fallen_champion(0.9, 1.1, champion=0.8)).status == "fail"


def test_a_declared_threshold_holds_unless_it_says_or_better_than_champion() -> None:
    rows, candidate, champion = a_fallen_champion(0.0, 0.0)
    for more, status in (({}, "fail"), ({"or": "better_than_champion"}, "pass")):
        model = model_of(gates=[{"metric": "roc_auc", "at_least": 0.9, **more}])
        result = judged(model, candidate, rows, "roc_auc", champion=champion)
        assert (result.status, bool(result.rule)) == (status, bool(more))
    assert judged(model, candidate, rows, "roc_auc").status == "fail"
    assert judged(model, champion, rows, "roc_auc", champion=candidate).status == "fail"


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ({"gate": "leakage", "absolute": True}, "absolute belongs to beats_naive, calibration, label_quality"),
        ({"metric": "roc_auc", "versus": "naive", "or": "better_than_champion"}, "belongs to a threshold on the whole holdout"),
        ({"latency": "p50_ms", "at_most": 5, "or": "better_than_champion"}, "belongs to a metric gate"),
        ({"metric": "roc_auc", "at_least": 0.6, "or": "better"}, "better_than_champion"),
    ],
)
def test_a_rule_at_a_gate_that_has_none_is_a_mistake(gate: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        model_of(gates=[gate])


def test_a_candidate_that_beats_a_bad_champion_but_leaks_is_refused() -> None:
    rows, _, champion = a_fallen_champion(0.0, 0.0, champion=0.55)
    table = rows.table.to_pandas()
    copied = table["__target"].to_numpy(bool)
    table["copy"] = np.where(copied, 1.0, 0.0)
    frame = table[["mine", "other", "copy"]].assign(y=copied)
    features = {"mine": "float64", "other": "float64", "copy": "float64"}
    leaking = training_set(frame, holdout=table["__split"] == "holdout", features=features)
    candidate = make_bundle("binary_classification", lambda f: 0.1 + 0.8 * f["copy"].to_numpy(float), features)
    context = GateContext(model_of(), candidate, leaking, None, champion, Path(), 7, retrain=lambda training_set, folder: candidate)
    results = {result.name: result for result in judge_all(context)}
    assert results["champion"].status == "pass"
    assert results["leakage"].status == "fail"
    assert "copy (1.000)" in results["leakage"].detail
    assert results["leakage"].rule == ""
    verdict = Verdict.of("m", None, list(results.values()), digests=dict.fromkeys(DIGESTS, "d" * 64), environment="dev")
    assert verdict.status == "fail"


class TestBaseRate:
    """The share of the positive class goes from .2 to .5."""

    def case(self, explained: bool) -> tuple[Any, Bundle]:
        random = np.random.default_rng(5)
        x = np.concatenate([random.normal(size=2000), random.normal(1.4 if explained else 0.0, 1.0, size=1000)])
        p = 1 / (1 + np.exp(1.7 - 1.2 * x))
        if not explained:
            p[2000:] = 0.3 + 0.6 * p[2000:]
        rows = training_set(
            pd.DataFrame({"x": x, "y": random.random(3000) < p}), holdout=np.arange(3000) >= 2000, features={"x": "float64"}
        )
        return rows, make_bundle("binary_classification", lambda f: 1 / (1 + np.exp(1.7 - 1.2 * f.x.to_numpy())), {"x": "float64"})

    def test_that_moves_with_the_features_is_news_and_passes(self) -> None:
        rows, bundle = self.case(explained=True)
        result = judged(model_of(), bundle, rows, "label_quality")
        assert result.data["jump"]["size"] > result.data["jump"]["limit"]
        assert (result.status, result.rule) == ("pass", "")
        assert "which the features explain" in result.detail

    def test_that_jumps_while_the_features_stand_still_is_an_accident_and_refused(self) -> None:
        rows, bundle = self.case(explained=False)
        result = judged(model_of(), bundle, rows, "label_quality")
        assert result.status == "fail"
        assert "The share of True went from 0.2" in result.detail

    def test_where_a_champion_stands_in_the_same_world_the_jump_alone_never_refuses(self) -> None:
        rows, bundle = self.case(explained=False)
        champion = make_bundle("binary_classification", lambda f: np.full(len(f), 0.2), {"x": "float64"})
        result = judged(model_of(), bundle, rows, "label_quality", champion=champion)
        assert (result.status, result.rule) == ("pass", RELATIVE)
        absolute = model_of(gates=[{"gate": "label_quality", "absolute": True}])
        assert judged(absolute, bundle, rows, "label_quality", champion=champion).status == "fail"

    def test_one_class_is_refused_beside_any_champion(self) -> None:
        frame = pd.DataFrame({"x": 0.5, "y": np.arange(900) % 3 == 0})
        frame.loc[600:, "y"] = True
        rows = training_set(frame, holdout=np.arange(900) >= 600, features={"x": "float64"})
        champion = make_bundle("binary_classification", lambda f: np.full(len(f), 0.01), {"x": "float64"})
        candidate = make_bundle("binary_classification", lambda f: np.full(len(f), 0.9), {"x": "float64"})
        assert judged(model_of(), candidate, rows, "label_quality", champion=champion).status == "fail"
