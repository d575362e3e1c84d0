"""A small move of the outcome that no feature tells is no fault of the probabilities; what is wrong beside it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.modeling.synthetic import make_bundle

from .cases import judged, model_of, training_set

TRAIN, HOLDOUT = 6000, 4000
START = datetime(2026, 1, 1, tzinfo=UTC)


def calibration(move: float, *, sharpness: float = 1.0, claimed: float = 0.0, dated: bool = True, **gate: Any) -> Any:
    """Log odds of the outcome rise by ``move`` after training; the model's are ``sharpness`` times too sure and ``claimed`` too high."""
    random = np.random.default_rng(1)
    n = TRAIN + HOLDOUT
    x, held = random.normal(size=n), np.arange(n) >= TRAIN
    y = random.random(n) < 1 / (1 + np.exp(-(x + move * held)))
    as_of = [START + timedelta(hours=row // 4) for row in range(n)] if dated else None
    rows = training_set(pd.DataFrame({"x": x, "y": y}), holdout=held, features={"x": "float64"}, as_of=as_of)
    bundle = make_bundle("binary_classification", lambda f: 1 / (1 + np.exp(-(sharpness * f.x.to_numpy() + claimed))), {"x": "float64"})
    return judged(model_of(gates=[{"gate": "calibration", **gate}] if gate else []), bundle, rows, "calibration")


def test_a_small_move_of_dated_rows_passes_and_is_told() -> None:
    result = calibration(0.35)
    assert result.status == "pass"
    assert 0.05 < result.data["moved"] < 0.09
    assert "is a move of the outcome that no feature says" in result.detail


@pytest.mark.parametrize(
    "more",
    [{"dated": False}, {"sharpness": 2.0}, {"max_error": 0.05}],
    ids=["rows without a time", "too sure beside it", "a declared limit"],
)
def test_it_excuses_nothing_else(more: dict[str, Any]) -> None:
    assert calibration(0.35, **more).status in ("fail", "inconclusive")


def test_a_large_move_is_refused() -> None:
    assert calibration(0.8).status == "fail"


def test_a_model_that_claims_more_than_it_learned_from_gets_nothing_for_it() -> None:
    result = calibration(0.0, claimed=0.45)
    assert result.status == "fail"
    assert abs(result.data["moved"]) < 0.02


def test_without_a_move_nothing_is_allowed() -> None:
    result = calibration(0.0)
    assert result.status == "pass"
    assert abs(result.data["moved"]) < 0.01
