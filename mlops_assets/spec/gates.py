"""Quality gates: what a model must show on its holdout before it may be registered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from mlops_assets.spec.base import FunctionRef, Share, Spec

if TYPE_CHECKING:
    from mlops_assets.spec.model import Model

DEFAULT_GATES = ("beats_naive", "leakage", "champion", "calibration", "label_quality", "consistency")
GATE_KINDS = ("metric", "fairness", "robustness", "latency", "python", "gate")
FAIRNESS_METRICS = (
    "demographic_parity_ratio",
    "demographic_parity_difference",
    "equalized_odds_ratio",
    "equalized_odds_difference",
    "equal_opportunity_ratio",
    "equal_opportunity_difference",
)


class Gate(Spec):
    """Exactly one of metric, fairness, robustness, latency, python; or `gate`, which names a default gate to change."""

    metric: str | None = Field(None, description="A metric of the task, for example roc_auc.")
    fairness: str | None = Field(None, description=f"One of {', '.join(FAIRNESS_METRICS)}.")
    robustness: Literal["noise", "missing"] | None = Field(None, description="How the holdout's features are disturbed.")
    latency: Literal["p50_ms", "p95_ms", "p99_ms"] | None = Field(None, description="Time to score one row.")
    python: FunctionRef | None = Field(None, description="Function `(evaluation) -> GateResult`.")
    gate: Literal["beats_naive", "leakage", "champion", "calibration", "label_quality", "consistency"] | None = Field(
        None, description="A default gate whose settings change, or which is turned off."
    )

    name: str | None = Field(None, description="Name of the check; default: made from the rest.")
    at_least: float | None = Field(None, description="Smallest value that passes.")
    at_most: float | None = Field(None, description="Largest value that passes.")
    versus: Literal["champion", "naive"] | None = Field(None, description="Compare on the same rows with this one.")
    margin: float | None = Field(None, ge=0, description="How much worse it may be than what it is compared with.")
    confidence: float | None = Field(None, gt=0.5, lt=1, description="Confidence of the interval that decides; default 0.95.")
    slice: str | None = Field(None, description="Column: the gate holds for each of its values.")
    attribute: str | None = Field(None, description="Sensitive column of a fairness gate.")
    scale: float | None = Field(None, gt=0, description="Noise in standard deviations, or share of values made missing.")
    max_drop: float | None = Field(None, ge=0, description="Largest loss of the task's main metric under disturbance.")
    min_n: int | None = Field(None, ge=1, description="Fewer effective rows than this are inconclusive.")
    max_error: Share | None = Field(None, description="Calibration: largest expected calibration error.")
    max_jump: float | None = Field(
        None, gt=0, description="Label quality: largest change from training to holdout, of a class's share or in standard deviations."
    )
    off: bool = Field(False, description="Turn this default gate off; needs a reason, and is shown.")
    reason: str | None = Field(None, description="Why it is off.")

    @model_validator(mode="after")
    def _one_complete_kind(self) -> Gate:
        given = [kind for kind in GATE_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(GATE_KINDS)}; found {' and '.join(given) or 'none'}")
        kind = given[0]
        bounded = self.at_least is not None or self.at_most is not None
        if kind == "metric" and not bounded and self.versus is None:
            raise ValueError("a metric gate needs at_least, at_most or versus")
        if kind == "fairness" and (self.attribute is None or not bounded):
            raise ValueError("a fairness gate needs attribute, and at_least or at_most")
        if kind == "fairness" and self.fairness not in FAIRNESS_METRICS:
            raise ValueError(f"{self.fairness!r} is no fairness metric; valid are {', '.join(FAIRNESS_METRICS)}")
        if kind == "robustness" and (self.scale is None or self.max_drop is None):
            raise ValueError("a robustness gate needs scale and max_drop")
        if kind == "latency" and self.at_most is None:
            raise ValueError("a latency gate needs at_most, in milliseconds")
        if self.off and kind != "gate":
            raise ValueError("only a default gate can be turned off; remove a declared one instead")
        if self.off and not (self.reason or "").strip():
            raise ValueError(f"the default gate {self.gate} can be turned off only with a reason")
        return self

    @property
    def kind(self) -> str:
        """Which of :data:`GATE_KINDS` it is."""
        return next(kind for kind in GATE_KINDS if getattr(self, kind) is not None)

    @property
    def label(self) -> str:
        """Name of the check, unique within a model unless two gates say the same."""
        if self.name:
            return self.name
        subject = str(getattr(self, self.kind))
        if self.kind == "python":
            return subject.rsplit(":", 1)[1]
        if self.kind == "latency":
            return f"latency_{subject}"
        if self.kind == "robustness":
            return f"robustness_{subject}"
        parts = [subject, *(p for p in (self.versus, self.slice, self.attribute) if p)]
        return "_by_".join(parts) if self.slice or self.attribute else "_versus_".join(parts)


def gate_names(model: Model) -> list[tuple[str, Gate]]:
    """Every gate of a model with the name of its check: the default ones first, then the declared ones in the spec's order.

    Names match ``^[A-Za-z0-9_]+$`` and are distinct: a second gate that would have the same name gets ``_2``, and so on.
    A default gate that the spec turns off is listed too, with ``off`` set, so that it can be shown as such.
    """
    gates = [(name, model.default_gate(name)) for name in DEFAULT_GATES]
    gates += [(gate.label, gate) for gate in model.declared_gates]
    named: dict[str, Gate] = {}
    for label, gate in gates:
        base = re.sub(r"[^A-Za-z0-9_]+", "_", label).strip("_") or gate.kind
        name, count = base, 1
        while name in named:
            count += 1
            name = f"{base}_{count}"
        named[name] = gate
    return list(named.items())
