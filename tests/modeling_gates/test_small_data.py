from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mlops_assets.modeling.gates import GateContext, judge_one
from mlops_assets.spec.gates import gate_names

from .cases import model_of, trained, training_set

FEATURES = {f"x{place}": "float64" for place in range(6)}


def a_thousand_rows(seed: int) -> pd.DataFrame:
    """A signal whose own AUC is about .78."""
    random = np.random.default_rng(seed)
    x = pd.DataFrame(random.normal(size=(1000, 6)), columns=list(FEATURES))
    z = x.x0 - 0.7 * x.x1 + 0.5 * x.x2 * (x.x3 > 0) + 0.4 * np.abs(x.x4) - 0.3
    return x.assign(y=random.random(1000) < 1 / (1 + np.exp(-z)))


def refused_by(frame: pd.DataFrame, seed: int, folder: Path) -> str | None:
    """The first default gate that keeps the model of 70 % of the rows from being a candidate; None where none does."""
    rows = training_set(frame, holdout=np.arange(1000) >= 700, features=FEATURES)
    model = model_of(seed=seed)
    context = GateContext(model, trained(model, rows, folder), rows, None, None, folder, seed)
    for name, gate in gate_names(model.gates):
        if judge_one(context, name, gate).status in ("fail", "inconclusive"):
            return name
    return None


def test_a_sound_signal_in_a_thousand_rows_gives_a_candidate(tmp_path: Path) -> None:
    found = [refused_by(a_thousand_rows(seed), seed, tmp_path / str(seed)) for seed in range(100)]
    assert found.count(None) >= 90, found


def test_shuffled_outcomes_of_a_thousand_rows_never_give_one(tmp_path: Path) -> None:
    for seed in range(100):
        frame = a_thousand_rows(seed)
        frame["y"] = np.random.default_rng([seed, 1]).permutation(frame.y)
        assert refused_by(frame, seed, tmp_path / str(seed)) is not None
