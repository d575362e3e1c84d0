"""Quality gates: one module each, with one function ``judge(context, name, settings)``."""

from __future__ import annotations

import importlib

from mlops_assets.errors import MlopsError
from mlops_assets.modeling.gates.result import GateContext, GateResult, Judge, Status, worst
from mlops_assets.spec.gates import Gate, gate_names
from mlops_assets.spec.model import Model

__all__ = ["GateContext", "GateResult", "Status", "gates_of", "judge_all", "judge_one", "worst"]

_MODULES = {"python": "python_gate"}


def gates_of(model: Model) -> list[tuple[str, str]]:
    """Name of the check and kind of every gate of a model, those that are off included. Imports nothing heavy.

    The kind is the name of a default gate, or metric, fairness, robustness, latency, python.
    """
    return [(name, kind_of(gate)) for name, gate in gate_names(model)]


def kind_of(gate: Gate) -> str:
    """What judges it: the name of the default gate, or the kind of a declared one."""
    return gate.gate or gate.kind


def judge_all(context: GateContext) -> list[GateResult]:
    """Every gate's result, in the order of :func:`gates_of`."""
    return [judge_one(context, name, gate) for name, gate in gate_names(context.model)]


def judge_one(context: GateContext, name: str, gate: Gate) -> GateResult:
    """One gate's result. A gate that cannot judge, for a reason that the definition or the data must mend, is inconclusive."""
    if gate.off:
        return GateResult(name, "off", None, "turned off", detail=f"Turned off: {gate.reason}")
    kind = kind_of(gate)
    judge: Judge = importlib.import_module(f"mlops_assets.modeling.gates.{_MODULES.get(kind, kind)}").judge
    try:
        return judge(context, name, gate)
    except MlopsError as error:
        return GateResult(name, "inconclusive", None, "a model that this gate can judge", detail=f"Not judged: {error}")
