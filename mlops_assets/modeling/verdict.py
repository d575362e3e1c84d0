"""The verdict: what all gates say together, bound to the digests of exactly what they judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlops_assets.modeling.gate_result import GateResult, Status
from mlops_assets.modeling.signature import ModelingError

SCHEMA = 1
DIGESTS = ("bundle", "trees", "data", "spec")


class VerdictError(ModelingError):
    """A verdict that is not what it says it is."""


@dataclass(frozen=True)
class Verdict:
    """Gates, and what they are about.

    Attributes:
        model: name of the model.
        as_of: its as-of partition; None where undated.
        status: fail if a gate failed; else inconclusive if one is; pass only if every gate passed, does not apply or is off.
        gates: what each gate said, in the order of the definition.
        digests: ``bundle``, ``trees`` (None for other estimators than LightGBM), ``data`` (the training set's manifest), ``spec``.
        environment: dev, test or prod, where it was judged.
        champion: digest of the bundle that it was compared with; None where there was none.
        waivers: gates that a person set aside, each ``{"gate", "by", "reason"}``; they are shown and do not change ``status``.
    """

    model: str
    as_of: str | None
    status: Status
    gates: tuple[GateResult, ...]
    digests: Mapping[str, str | None]
    environment: str
    champion: str | None = None
    waivers: tuple[Mapping[str, str], ...] = ()

    @classmethod
    def of(
        cls,
        model: str,
        as_of: str | None,
        gates: Iterable[GateResult],
        *,
        digests: Mapping[str, str | None],
        environment: str,
        champion: str | None = None,
        waivers: Iterable[Mapping[str, str]] = (),
    ) -> Verdict:
        """The verdict that these gate results come to.

        Raises:
            VerdictError: when a digest is missing that the verdict must be bound to.
        """
        if missing := [name for name in DIGESTS if name not in digests or (digests[name] is None and name != "trees")]:
            raise VerdictError(f"a verdict needs the digest of {missing[0]}.", where=model, valid=DIGESTS)
        results = tuple(gates)
        return cls(model, as_of, overall(results), results, dict(digests), environment, champion, tuple(waivers))

    @property
    def body(self) -> dict[str, Any]:
        """Everything but the id, as plain data."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "as_of": self.as_of,
            "status": self.status,
            "gates": [gate.to_json() for gate in self.gates],
            "digests": dict(self.digests),
            "environment": self.environment,
            "champion": self.champion,
            "waivers": [dict(waiver) for waiver in self.waivers],
        }

    @cached_property
    def id(self) -> str:
        """SHA-256 of the canonical body."""
        text = json.dumps(self.body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def allows(self) -> bool:
        """Whether the model may go on: only a pass does, and only if the gates really add up to it."""
        return self.status == "pass" and overall(self.gates) == "pass"

    @property
    def blocking(self) -> tuple[GateResult, ...]:
        """The gates that failed or are inconclusive."""
        return tuple(gate for gate in self.gates if gate.status in ("fail", "inconclusive"))

    def binds(self, digests: Mapping[str, str | None], environment: str) -> list[str]:
        """What is not the same as when it was judged, in words; empty when the verdict holds for exactly these digests."""
        differ = [
            f"{name} is {_short(digests.get(name))}, judged was {_short(self.digests.get(name))}"
            for name in DIGESTS
            if digests.get(name) != self.digests.get(name)
        ]
        if environment != self.environment:
            differ.append(f"environment is {environment}, judged was {self.environment}")
        return differ

    def to_json(self) -> dict[str, Any]:
        """As plain data, with its id."""
        return {"id": self.id, **self.body}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Verdict:
        """Inverse of :meth:`to_json`.

        Raises:
            VerdictError: when the body does not have the id that it claims, or its status does not follow from its gates.
        """
        try:
            verdict = cls(
                model=body["model"],
                as_of=body["as_of"],
                status=body["status"],
                gates=tuple(GateResult.from_json(gate) for gate in body["gates"]),
                digests=dict(body["digests"]),
                environment=body["environment"],
                champion=body["champion"],
                waivers=tuple(dict(waiver) for waiver in body["waivers"]),
            )
            claimed = body["id"]
        except (KeyError, TypeError, IndexError) as error:
            raise VerdictError(f"the verdict lacks {error}.", do="Judge the model again.") from None
        if body.get("schema") != SCHEMA:
            raise VerdictError(f"the verdict has format {body.get('schema')!r}; this version reads {SCHEMA}.", where=verdict.model)
        if verdict.id != claimed or verdict.status != overall(verdict.gates):
            raise VerdictError("the verdict was altered.", where=verdict.model, do="Judge the model again.")
        return verdict


def overall(gates: Iterable[GateResult]) -> Status:
    """Fail if any gate failed, else inconclusive if any is or if none passed, else pass."""
    found = {gate.status for gate in gates}
    if "fail" in found:
        return "fail"
    if "inconclusive" in found or "pass" not in found or not found <= {"pass", "not_applicable", "off"}:
        return "inconclusive"
    return "pass"


def _short(digest: str | None) -> str:
    return "none" if digest is None else digest[:12]
