"""What a gate says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["pass", "fail", "inconclusive", "not_applicable", "off"]
STATUSES: tuple[Status, ...] = ("fail", "inconclusive", "pass", "not_applicable", "off")
"""From the one that decides to the one that says least."""
RELATIVE = "relative to the champion"
"""The rule of a gate that is passed because what serves is worse."""


@dataclass(frozen=True)
class GateResult:
    """Verdict of one gate.

    Attributes:
        name: name of the check.
        status: pass, fail, inconclusive (too little evidence, which blocks as well), not_applicable or off.
        observed: what was measured; None where there is nothing to measure.
        required: what would pass, in words.
        interval: confidence interval of ``observed``.
        n: rows it rests on.
        n_effective: independent rows that they are worth.
        detail: one sentence for a person.
        data: everything else worth keeping, plain JSON data.
        rule: by which rule it was decided where that is not the gate's own, such as :data:`RELATIVE`.
    """

    name: str
    status: Status
    observed: float | None
    required: str
    interval: tuple[float, float] | None = None
    n: int = 0
    n_effective: float | None = None
    detail: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    rule: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "name": self.name,
            "status": self.status,
            "observed": plain(self.observed),
            "required": self.required,
            "interval": plain(self.interval),
            "n": self.n,
            "n_effective": None if self.n_effective is None else round(self.n_effective, 1),
            "detail": self.detail,
            "data": plain(self.data),
            **({"rule": self.rule} if self.rule else {}),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> GateResult:
        """Inverse of :meth:`to_json`."""
        values = {name: body[name] for name in cls.__dataclass_fields__ if name != "rule"}
        bounds = body["interval"]
        return cls(**{**values, "interval": None if bounds is None else (bounds[0], bounds[1]), "rule": body.get("rule", "")})


def status_in_words(gate: Mapping[str, Any]) -> str:
    """The status of a gate's plain data, with the rule by which it was decided where that is not its own."""
    status = str(gate["status"]).replace("_", " ")
    return f"{status}, {gate['rule']}" if gate.get("rule") else status


def plain(value: Any) -> Any:
    """The same as JSON data: NumPy scalars as numbers, tuples as lists, and None for a number that is none."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    item = getattr(value, "item", None)
    value = item() if callable(item) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def worst(statuses: Iterable[str]) -> Status:
    """The status that decides: fail, else inconclusive, else pass, else not_applicable, else off; of none at all: inconclusive."""
    found = set(statuses)
    return next((status for status in STATUSES if status in found), "inconclusive")
