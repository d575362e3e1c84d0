"""Quality gates: what a model must show on its holdout before it may be registered.

:data:`GATES` is the table of all that there are. A gate is its row here, and its module in ``modeling/gates``, which judges it and holds
the known-bad case that must turn it red. Settings of its own are keys of :class:`Gate`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from mlops_assets.spec.base import FunctionRef, Share, Spec
from mlops_assets.spec.decides import WhenSet
from mlops_assets.spec.tasks import CLASSIFICATION, TASKS, Task

FAIRNESS_METRICS = (
    "demographic_parity_ratio",
    "demographic_parity_difference",
    "equalized_odds_ratio",
    "equalized_odds_difference",
    "equal_opportunity_ratio",
    "equal_opportunity_difference",
)


def _subject_in_label(gate: Gate) -> str:
    parts = [str(getattr(gate, gate.kind)), *(p for p in (gate.versus, gate.slice, gate.attribute) if p)]
    return "_by_".join(parts) if gate.slice or gate.attribute else "_versus_".join(parts)


def _limits(gate: Gate) -> str:
    subject = gate.metric or gate.fairness or gate.python or ""
    if gate.attribute:
        subject += f" over {gate.attribute}"
    if gate.slice:
        subject += f" for each {gate.slice}"
    bounds = [f"at least {gate.at_least}"] if gate.at_least is not None else []
    bounds += [f"at most {gate.at_most}"] if gate.at_most is not None else []
    bounds += [f"not worse than the {gate.versus}'s by more than {gate.margin or 0}"] if gate.versus else []
    confidence = f", with {gate.confidence:.0%} confidence" if gate.confidence else ""
    return f"{subject}{' ' if bounds else ''}{' and '.join(bounds)}{', or better than the champion' if gate.or_ else ''}{confidence}."


def _largest_drop(gate: Gate) -> str:
    how = f"noise of {gate.scale} standard deviations" if gate.robustness == "noise" else f"{gate.scale or 0:.0%} of values missing"
    return f"With {how} the main metric falls by at most {gate.max_drop}."


def _longest_time(gate: Gate) -> str:
    return f"{(gate.latency or '').removesuffix('_ms')} of the time to score one row is at most {gate.at_most} ms."


def _nothing_wrong(gate: Gate) -> str | None:
    return None


def _metric_mistake(gate: Gate) -> str | None:
    limited = gate.at_least is not None or gate.at_most is not None
    if gate.or_ is not None and (not limited or gate.versus is not None or gate.slice is not None):
        return "`or: better_than_champion` belongs to a threshold on the whole holdout: at_least or at_most, without versus and slice"
    return None if limited or gate.versus is not None else "a metric gate needs at_least, at_most or versus"


def _fairness_mistake(gate: Gate) -> str | None:
    if gate.attribute is None or (gate.at_least is None and gate.at_most is None):
        return "a fairness gate needs attribute, and at_least or at_most"
    if gate.fairness not in FAIRNESS_METRICS:
        return f"{gate.fairness!r} is no fairness metric; valid are {', '.join(FAIRNESS_METRICS)}"
    return None


def _robustness_mistake(gate: Gate) -> str | None:
    return "a robustness gate needs scale and max_drop" if gate.scale is None or gate.max_drop is None else None


def _latency_mistake(gate: Gate) -> str | None:
    return "a latency gate needs at_most, in milliseconds" if gate.at_most is None else None


@dataclass(frozen=True)
class GateRow:
    """One gate of the table.

    Attributes:
        name: of the gate and of its module in ``modeling/gates``. A declared gate is the key of this name; a default one is changed
            under ``gate:`` by it.
        words: what it asks for, as one sentence; for a declared gate made from its settings.
        default: whether every model has it.
        tasks: tasks that it is for. To a model of another one a default gate does not apply; a declared one is inconclusive there.
        label: what the check of a declared gate is called unless it is given a name.
        mistake: what a declared gate lacks or has wrong; None where it is complete.
    """

    name: str
    words: str | Callable[[Gate], str]
    default: bool = False
    tasks: tuple[Task, ...] = TASKS
    label: Callable[[Gate], str] = _subject_in_label
    mistake: Callable[[Gate], str | None] = _nothing_wrong


GATES: tuple[GateRow, ...] = (
    GateRow("beats_naive", "Better than the naive model, by the lower confidence bound.", default=True),
    GateRow(
        "leakage", "No feature alone decides the target, shuffled labels score as chance, and nothing crosses the split.", default=True
    ),
    GateRow("champion", "Not worse than the champion on the same rows, by more than the margin.", default=True),
    GateRow("calibration", "Predicted probabilities agree with observed rates.", default=True, tasks=CLASSIFICATION),
    GateRow("label_quality", "The holdout has every class, matured labels and a steady base rate.", default=True),
    GateRow("consistency", "The bundle scores the same rows alike in batch and in the server.", default=True),
    GateRow("metric", _limits, mistake=_metric_mistake),
    GateRow("fairness", _limits, tasks=("binary_classification",), mistake=_fairness_mistake),
    GateRow("robustness", _largest_drop, label=lambda gate: f"robustness_{gate.robustness}", mistake=_robustness_mistake),
    GateRow("latency", _longest_time, label=lambda gate: f"latency_{gate.latency}", mistake=_latency_mistake),
    GateRow("python", _limits, label=lambda gate: str(gate.python).rsplit(":", 1)[1]),
)
"""Every gate: the default ones in the order in which they are judged and shown, then the kinds that a definition may declare."""

_ROWS = {row.name: row for row in GATES}

DEFAULT_GATES = tuple(row.name for row in GATES if row.default)
RELATIVE_GATES = ("beats_naive", "calibration", "label_quality")
"""Default gates that also ask the champion on the same rows, unless they are declared `absolute`."""
GATE_KINDS = (*(row.name for row in GATES if not row.default), "gate")
"""Keys of which a gate has exactly one: a kind that is declared, or ``gate`` for a default one."""

# A type checker reads a Literal only as it is written.
if TYPE_CHECKING:
    DefaultGate = str
else:
    DefaultGate = Literal[DEFAULT_GATES]


class Gate(Spec):
    """Exactly one of metric, fairness, robustness, latency, python; or `gate`, which names a default gate to change."""

    metric: str | None = Field(None, description="A metric of the task, for example roc_auc.")
    fairness: str | None = Field(None, description=f"One of {', '.join(FAIRNESS_METRICS)}.")
    robustness: Literal["noise", "missing"] | None = Field(None, description="How the holdout's features are disturbed.")
    latency: Literal["p50_ms", "p95_ms", "p99_ms"] | None = Field(None, description="Time to score one row.")
    python: FunctionRef | None = Field(None, description="Function `(evaluation) -> GateResult`.")
    gate: DefaultGate | None = Field(None, description="A default gate whose settings change, or which is turned off.")

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
    absolute: Annotated[bool | None, WhenSet()] = Field(
        None, description="A default gate is passed by its own measure only, never because the champion is worse."
    )
    or_: Annotated[Literal["better_than_champion"] | None, WhenSet()] = Field(
        None, alias="or", description="A threshold on a metric that is also passed by a model that is shown to beat the champion."
    )
    off: bool = Field(False, description="Turn this default gate off; needs a reason, and is shown.")
    reason: str | None = Field(None, description="Why it is off.")

    @model_validator(mode="after")
    def _one_complete_kind(self) -> Gate:
        given = [kind for kind in GATE_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(GATE_KINDS)}; found {' and '.join(given) or 'none'}")
        if mistake := self.row.mistake(self):
            raise ValueError(mistake)
        if self.or_ is not None and self.metric is None:
            raise ValueError("`or: better_than_champion` belongs to a metric gate with at_least or at_most")
        if self.absolute and self.row.name not in RELATIVE_GATES:
            raise ValueError(f"absolute belongs to {', '.join(RELATIVE_GATES)}: no other gate is passed because the champion is worse")
        if self.off and self.gate is None:
            raise ValueError("only a default gate can be turned off; remove a declared one instead")
        if self.off and not (self.reason or "").strip():
            raise ValueError(f"the default gate {self.gate} can be turned off only with a reason")
        return self

    @property
    def kind(self) -> str:
        """Which of :data:`GATE_KINDS` it is."""
        return next(kind for kind in GATE_KINDS if getattr(self, kind) is not None)

    @property
    def row(self) -> GateRow:
        """Its row of :data:`GATES`."""
        return _ROWS[self.gate or self.kind]

    @property
    def label(self) -> str:
        """Name of the check, unique within a model unless two gates say the same."""
        return self.name or self.row.label(self)

    @property
    def words(self) -> str:
        """What it asks for, as one sentence."""
        if self.off:
            return f"Turned off: {self.reason}"
        words = self.row.words
        return words if isinstance(words, str) else words(self)


def default_gate(gates: Iterable[Gate], name: str) -> Gate:
    """Settings of a default gate: those of ``gates`` where they change it, else the plain one."""
    if name not in DEFAULT_GATES:
        raise ValueError(f"{name!r} is no default gate; valid are {', '.join(DEFAULT_GATES)}")
    changed = [gate for gate in gates if gate.gate == name]
    return changed[-1] if changed else Gate.model_validate({"gate": name})


def gate_names(gates: Iterable[Gate]) -> list[tuple[str, Gate]]:
    """Every gate of a model that declares ``gates``, with the name of its check: the default ones first, then the declared ones in order.

    Names match ``^[A-Za-z0-9_]+$`` and are distinct: a second gate that would have the same name gets ``_2``, and so on.
    A default gate that is turned off is listed too, with ``off`` set, so that it can be shown as such.
    """
    written = tuple(gates)
    labelled = [(name, default_gate(written, name)) for name in DEFAULT_GATES]
    labelled += [(gate.label, gate) for gate in written if gate.gate is None]
    named: dict[str, Gate] = {}
    for label, gate in labelled:
        base = re.sub(r"[^A-Za-z0-9_]+", "_", label).strip("_") or gate.kind
        name, count = base, 1
        while name in named:
            count += 1
            name = f"{base}_{count}"
        named[name] = gate
    return list(named.items())
