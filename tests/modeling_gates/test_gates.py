"""What holds of every gate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mlops_assets.modeling.gates import GateContext, gates_of, judge_all

from .cases import judged, model_of, reading, scored_set, trained, training_set


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
