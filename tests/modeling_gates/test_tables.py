"""What the language lists is what there is to judge and to measure by, in both directions."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from mlops_assets.modeling import gates
from mlops_assets.modeling.gates import gate_module
from mlops_assets.modeling.gates.protocol import GateModule
from mlops_assets.modeling.metrics import FORMULAS
from mlops_assets.spec.gates import GATES
from mlops_assets.spec.metrics import TASK_METRICS

from .test_known_bad import GATES as PROVED

PARTS = {"__init__", "bench", "comparison", "context", "limits", "machine", "protocol", "relative", "shuffled_labels"}
"""Modules of the folder that gates share."""


@pytest.mark.parametrize("name", [row.name for row in GATES])
def test_a_gate_judges_and_has_a_case_that_must_turn_it_red(name: str) -> None:
    module = gate_module(name)
    for function in ("judge", "known_bad"):
        asked = inspect.signature(getattr(GateModule, function)).parameters
        assert list(inspect.signature(getattr(module, function)).parameters) == list(asked)[1:]


def test_every_module_of_a_gate_is_in_the_table() -> None:
    folder = Path(gates.__file__).parent
    assert {file.stem for file in folder.glob("*.py")} - PARTS == {row.name for row in GATES}


def test_every_gate_of_the_table_is_proved() -> None:
    proved = {kind for declared in PROVED.values() for gate in declared for kind in gate}
    declared = {row.name for row in GATES if not row.default}
    assert declared - proved == {"python"}, "test_a_python_gate_is_fed_bad_and_good_models proves that one"


@pytest.mark.parametrize("task", list(FORMULAS))
def test_every_metric_of_a_task_has_a_formula_and_every_formula_is_a_metric(task: str) -> None:
    assert set(FORMULAS[task]) == set(TASK_METRICS[task])


def test_every_task_has_formulas() -> None:
    assert set(FORMULAS) == set(TASK_METRICS)
