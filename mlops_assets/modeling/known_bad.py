"""Proof that gates can fail: each gate of a model is fed cases that it must refuse, and cases that it must let pass.

The gates run as they are, with the model's own settings, on small made-up data. A gate that lets every bad case pass is
vacuous, such as a threshold that no model misses; one that refuses every good case can never pass. Both are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.modeling.gate_result import GateResult
from mlops_assets.modeling.gates import gate_module, judge_one
from mlops_assets.modeling.gates.bench import Bench, Cases
from mlops_assets.spec.gates import Gate, gate_names

if TYPE_CHECKING:
    from mlops_assets.spec.model import Model


@dataclass(frozen=True)
class Proof:
    """Whether a gate was seen red on bad cases and green on a good one.

    Attributes:
        gate: name of the check.
        red: every bad case was refused.
        green: a good case passed.
        detail: what was fed and what the gate said.
        applies: False where the gate is off or does not apply to the task, so there is nothing to show.
    """

    gate: str
    red: bool
    green: bool
    detail: str
    applies: bool = True

    @property
    def proven(self) -> bool:
        return not self.applies or (self.red and self.green)


def prove(model: Model, folder: Path = Path()) -> Iterator[Proof]:
    """Prove every gate of a model, in their order. ``folder`` is that of its defs.yaml, for Python gates."""
    for name, gate in gate_names(model.gates):
        yield prove_gate(model, name, gate, folder)


def prove_gate(model: Model, name: str, gate: Gate, folder: Path = Path()) -> Proof:
    """Prove one gate."""
    if gate.off:
        return Proof(name, False, False, f"turned off: {gate.reason}", applies=False)
    row = gate.row
    if model.task not in row.tasks:
        if row.default:
            return Proof(name, False, False, f"does not apply to {model.task}", applies=False)
        return Proof(name, False, False, f"NOT green on any model: it is for {' and '.join(row.tasks)}, so of {model.task} inconclusive")
    cases = gate_module(row.name).known_bad(Bench(model, gate, folder))
    red, red_detail = _red(name, gate, cases)
    green, green_detail = _green(name, gate, cases)
    return Proof(name, red, green, f"{red_detail}; {green_detail}")


def _red(name: str, gate: Gate, cases: Cases) -> tuple[bool, str]:
    seen = []
    for title, make in cases.bad:
        result = judge_one(make(), name, gate)
        refused = result.status == "fail"
        if refused and not cases.every:
            return True, f"red on {title}: {_said(result)}"
        if not refused and cases.every:
            return False, f"NOT red on {title}, but {result.status}: {_said(result)}"
        seen.append(title)
    if cases.every:
        return True, f"red on {', '.join(seen)}"
    return False, f"NOT red on any of: {', '.join(seen)}; no model would fail it"


def _green(name: str, gate: Gate, cases: Cases) -> tuple[bool, str]:
    said = ""
    for title, make in cases.good:
        result = judge_one(make(), name, gate)
        if result.status == "pass":
            return True, f"green on {title}"
        said = said or f"{result.status} on {title}: {_said(result)}"
    return False, f"NOT green, but {said}"


def _said(result: GateResult) -> str:
    return result.detail.rstrip(".") or result.status
