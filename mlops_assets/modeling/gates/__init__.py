"""Quality gates: a module each, as :mod:`mlops_assets.modeling.gates.protocol` says, and judging a model by all of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from mlops_assets.errors import MlopsError
from mlops_assets.modeling.gate_result import GateResult, Status
from mlops_assets.modeling.gates.context import GateContext
from mlops_assets.modeling.threads import one_thread
from mlops_assets.spec.gates import Gate, gate_names
from mlops_assets.spec.model import Model

if TYPE_CHECKING:
    from mlops_assets.modeling.gates.protocol import GateModule

__all__ = ["GateContext", "GateResult", "Status", "gate_module", "gates_of", "judge_all", "judge_one"]


def gates_of(model: Model) -> list[tuple[str, str]]:
    """Name of the check and kind of every gate of a model, those that are off included. Imports nothing heavy.

    The kind is the gate's name in the table :data:`mlops_assets.spec.gates.GATES`.
    """
    return [(name, gate.row.name) for name, gate in gate_names(model.gates)]


def gate_module(name: str) -> GateModule:
    """The module of the gate that has this name in the table."""
    return cast("GateModule", importlib.import_module(f"{__name__}.{name}"))


def judge_all(context: GateContext) -> list[GateResult]:
    """Every gate's result, in the order of :func:`gates_of`."""
    with one_thread():
        return [judge_one(context, name, gate) for name, gate in gate_names(context.model.gates)]


def judge_one(context: GateContext, name: str, gate: Gate) -> GateResult:
    """One gate's result. A gate that cannot judge, for a reason that the definition or the data must mend, is inconclusive.

    It judges on one thread, so that the same bundle and data have the same verdict wherever they are judged.
    """
    if gate.off:
        return GateResult(name, "off", None, "turned off", detail=f"Turned off: {gate.reason}")
    try:
        with one_thread():
            return gate_module(gate.row.name).judge(context, name, gate)
    except MlopsError as error:
        return GateResult(name, "inconclusive", None, "a model that this gate can judge", detail=f"Not judged: {error}")
