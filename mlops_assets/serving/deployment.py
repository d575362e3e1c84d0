"""Which version answers: a fixed picture of one model's traffic, replaced as a whole when the ledger moves on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from mlops_assets.serving.metrics import Stats

if TYPE_CHECKING:
    from mlops_assets.serving.versions import Served

_RANGE = float(2**64)


@dataclass(frozen=True, slots=True)
class Variant:
    """A version in a role: ``champion``, ``challenger`` or ``shadow``, and what it did in this role."""

    served: Served
    name: str
    stats: Stats


@dataclass(frozen=True, slots=True)
class Deployed:
    """One model's live versions.

    Attributes:
        model: its name.
        champion: answers what the challenger does not.
        challenger: answers ``share`` of the keys; None without a rollout.
        shadow: is scored and journaled for every request, and never answers.
        share: the challenger's share of keys, 0 to 1.
        sequence: the ledger's sequence number that this picture comes from.
        uniform: whether all live versions take the same rows, so that a row can be read before its version is known.
    """

    model: str
    champion: Variant
    challenger: Variant | None
    shadow: Variant | None
    share: float
    sequence: int
    uniform: bool = field(init=False)

    def __post_init__(self) -> None:
        signatures = [variant.served.scorer.reader.signature for variant in self.variants()]
        object.__setattr__(self, "uniform", all(signature == signatures[0] for signature in signatures))

    def choose(self, key: str) -> Variant:
        """The variant of a routing key: always the same while the rollout lasts, and one that has moved to the challenger stays there as
        its share grows."""
        challenger = self.challenger
        if challenger is None:
            return self.champion
        return challenger if place_of(self.model, challenger.served.number, key) < self.share else self.champion

    def variants(self) -> list[Variant]:
        """All that are live."""
        return [variant for variant in (self.champion, self.challenger, self.shadow) if variant is not None]

    def answering(self) -> list[Variant]:
        """Those that answer requests."""
        return [variant for variant in (self.champion, self.challenger) if variant is not None]

    def known_to(self, variant: Variant, rows: Sequence[Any]) -> Sequence[Any]:
        """The rows without what only another live version takes: while versions differ, callers give what all of them need."""
        own = variant.served.scorer.reader
        others = {name for other in self.variants() for name in other.served.scorer.reader.names} - {*own.names, *own.entity}
        if not others:
            return rows
        return [{k: v for k, v in row.items() if k not in others} if isinstance(row, Mapping) else row for row in rows]


def place_of(model: str, version: int, key: str) -> float:
    """Where a key falls in [0, 1): evenly spread, and independent from one challenger to the next."""
    digest = blake2b(f"{model}\0{version}\0{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _RANGE
