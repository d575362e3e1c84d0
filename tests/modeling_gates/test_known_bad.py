from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.modeling.gates import gates_of
from mlops_assets.modeling.known_bad import Proof, prove

from .cases import model_of

GATES: dict[str, list[dict[str, Any]]] = {
    "binary_classification": [
        {"metric": "roc_auc", "at_least": 0.8},
        {"metric": "f1", "at_least": 0.5, "at_most": 0.9},
        {"metric": "roc_auc", "versus": "champion", "margin": 0.01},
        {"metric": "log_loss", "versus": "naive"},
        {"metric": "roc_auc", "slice": "region", "at_least": 0.7},
        {"fairness": "demographic_parity_ratio", "attribute": "gender", "at_least": 0.8},
        {"fairness": "equalized_odds_difference", "attribute": "gender", "at_most": 0.1},
        {"robustness": "noise", "scale": 0.1, "max_drop": 0.03},
        {"robustness": "missing", "scale": "0.1", "max_drop": 0.03},
        {"latency": "p99_ms", "at_most": 200},
        {"gate": "label_quality", "max_jump": 0.5},
        {"gate": "calibration", "max_error": "5%"},
    ],
    "multiclass_classification": [
        {"metric": "accuracy", "at_least": 0.8},
        {"metric": "log_loss", "at_most": 0.8},
        {"metric": "roc_auc_ovr", "slice": "region", "at_least": 0.7},
    ],
    "regression": [
        {"metric": "rmse", "at_most": 5},
        {"metric": "bias", "at_most": 2},
        {"metric": "bias", "at_least": -1, "at_most": 3},
        {"metric": "r2", "slice": "region", "at_least": 0.5},
        {"metric": "mape", "at_most": 0.1},
        {"robustness": "noise", "scale": 0.1, "max_drop": 3},
    ],
}


def proofs(model: Any, folder: Path = Path()) -> dict[str, Proof]:
    return {proof.gate: proof for proof in prove(model, folder)}


@pytest.mark.parametrize("task", list(GATES))
def test_every_gate_is_seen_red_and_green(task: str) -> None:
    model = model_of(task, GATES[task], group_by=["household"])
    started = time.process_time()
    found = proofs(model)
    assert time.process_time() - started < 20
    assert list(found) == [name for name, _ in gates_of(model)]
    assert [p for p in found.values() if not p.proven] == []
    assert {name for name, p in found.items() if not p.applies} == ({"calibration"} if task == "regression" else set())


@pytest.mark.parametrize(
    "gate",
    [
        {"metric": "roc_auc", "at_least": 0.0},
        {"metric": "rmse", "at_least": 0.0},
        {"fairness": "demographic_parity_ratio", "attribute": "g", "at_least": 0.0},
        {"gate": "calibration", "max_error": 1.0},
        {"gate": "leakage", "at_most": 1.0},
    ],
)
def test_a_gate_that_no_model_fails_is_shown_as_never_red(gate: dict[str, Any]) -> None:
    model = model_of("regression" if gate.get("metric") == "rmse" else "binary_classification", [gate])
    kind = gate.get("gate") or next(iter(gate))
    name = next(name for name, of in gates_of(model) if of == kind)
    assert not proofs(model)[name].red


def test_a_gate_that_no_model_passes_is_shown_as_never_green() -> None:
    found = proofs(model_of(gates=[{"metric": "accuracy", "at_least": 1.01}]))["accuracy"]
    assert (found.red, found.green) == (True, False)


def test_a_gate_that_is_off_is_listed_and_has_nothing_to_show() -> None:
    found = proofs(model_of(gates=[{"gate": "consistency", "off": True, "reason": "a stub"}]))["consistency"]
    assert not found.applies
    assert "a stub" in found.detail


def test_a_python_gate_is_fed_bad_and_good_models(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def real(evaluation):\n    return evaluation.metrics['brier']['value'] < 0.2\n\ndef vacuous(evaluation):\n    return True\n"
    )
    found = proofs(model_of(gates=[{"python": ".mine:real"}, {"python": ".mine:vacuous"}]), tmp_path)
    assert found["real"].proven
    assert (found["vacuous"].red, found["vacuous"].green) == (False, True)


def test_a_gate_of_another_task_is_not_proven_and_says_for_which_task_it_is() -> None:
    model = model_of("multiclass_classification", [{"fairness": "demographic_parity_ratio", "attribute": "gender", "at_least": 0.8}])
    (proof,) = [proof for name, proof in proofs(model).items() if name.startswith("demographic")]
    assert not proof.proven
    assert "it is for binary_classification" in proof.detail
