"""A refusal, and what every rule reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from mlops_assets.ledger.actors import Key
from mlops_assets.ledger.state import DeploymentState


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not allowed, and what would make it possible."""

    why: str
    do: str


class Readable(Protocol):
    """What the check reads: a state, or a fold in progress."""

    def of(self, model: str, environment: str) -> DeploymentState: ...

    @property
    def keys(self) -> Mapping[str, Key]: ...
