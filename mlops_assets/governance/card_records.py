"""What a model card is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CardRecords:
    """Everything that a card is made from, as plain data.

    Attributes:
        spec: the declaration with its defaults, as ``Model.model_dump(mode="json", by_alias=True)`` gives it.
        facts: facts of the training set's manifest.
        evaluation: as ``Evaluation.to_json`` gives it.
        verdict: as ``Verdict.to_json`` gives it.
        provenance: as ``Provenance.to_json`` gives it; ``bundle`` and ``trees`` digests may stand beside.
        decisions: approvals, rejections and waivers in order, each ``{"kind", "by", "at"}`` with ``comment`` or ``reason``, and
            ``gates`` for a waiver.
        calibrated: how the bundle maps scores to probabilities; None where it does not.
        version: number in the registry; None before it is registered.
        state: deployment state.
        links: address by title.
        figures: PNG bytes by title.
    """

    spec: Mapping[str, Any]
    facts: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    verdict: Mapping[str, Any]
    provenance: Mapping[str, Any]
    decisions: Sequence[Mapping[str, Any]] = ()
    calibrated: str | None = None
    version: int | None = None
    state: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """``churn, version 7``."""
        return str(self.spec["name"]) + (f", version {self.version}" if self.version is not None else "")
