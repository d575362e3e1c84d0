"""What the module of every gate holds. It has the gate's name in the table of :mod:`mlops_assets.spec.gates`."""

from __future__ import annotations

from typing import Protocol

from mlops_assets.modeling.gate_result import GateResult
from mlops_assets.modeling.gates.bench import Bench, Cases
from mlops_assets.modeling.gates.context import GateContext
from mlops_assets.spec.gates import Gate


class GateModule(Protocol):
    """A gate: how it judges, and the proof that it can turn red."""

    def judge(self, context: GateContext, name: str, gate: Gate) -> GateResult:
        """The result of the check ``name`` with these settings.

        Raises:
            MlopsError: when it cannot judge, for a reason that the definition or the data must mend.
        """
        ...

    def known_bad(self, bench: Bench) -> Cases:
        """Cases that the gate must refuse, and such that it must let pass."""
        ...
