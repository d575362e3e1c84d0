"""Which version answers: the champion, a challenger for its share of the keys, with a shadow beside them that nobody sees.

The ledger says which versions of a model are live. :func:`picture` makes of that one fixed :class:`Deployed`, which is replaced as a whole
when the ledger moves on, so that a request meets one state of the world from its beginning to its end.

Within a rollout every row has a key: the one that the request gives, else its entity's, else its own prediction's id. A key always falls
on the same place of a line from 0 to 1, and the challenger answers the first ``share`` of the line. So an entity meets the same version
as long as the rollout lasts, and one that has moved to the challenger stays there as the share grows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.requests.errors import RequestError
from mlops_assets.spec.rollout import UNSEEN

if TYPE_CHECKING:
    from mlops_assets.ledger.state import DeploymentState
    from mlops_assets.modeling.requests.reader import Rows
    from mlops_assets.serving.metrics import Stats
    from mlops_assets.serving.requests import Call
    from mlops_assets.serving.versions import Served

GONE = ("rolled_back", "retired", "rejected")
"""States of versions that never answer again, not even while the one that should cannot be loaded."""

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
        only: the variant that answers every row; None where keys decide.
        uniform: whether all live versions take the same rows, so that a row can be read before its version is known.
    """

    model: str
    champion: Variant
    challenger: Variant | None
    shadow: Variant | None
    share: float
    sequence: int
    only: Variant | None = field(init=False)
    uniform: bool = field(init=False)

    def __post_init__(self) -> None:
        signatures = [variant.served.scorer.reader.signature for variant in self.variants()]
        object.__setattr__(self, "only", self.champion if self.challenger is None else None)
        object.__setattr__(self, "uniform", all(signature == signatures[0] for signature in signatures))

    def variants(self) -> list[Variant]:
        """All that are live."""
        return [variant for variant in (self.champion, self.challenger, self.shadow) if variant is not None]

    def answering(self) -> list[Variant]:
        """Those that answer requests."""
        return [variant for variant in (self.champion, self.challenger) if variant is not None]

    def share_of(self, variant: Variant) -> float:
        """The share of keys that a live variant answers, 0 to 1."""
        if variant.name == "shadow":
            return 0.0
        challenger = self.share if self.challenger is not None else 0.0
        return challenger if variant.name == "challenger" else 1 - challenger

    def split(self, rows: Rows, ids: Sequence[str], routing: str | None) -> list[tuple[Variant, list[int]]]:
        """Who answers which rows of a request, by their places in it.

        Args:
            rows: of the request.
            ids: prediction ids, one a row.
            routing: the routing key that the request gives, if it gives one.
        """
        reader = self.champion.served.scorer.reader
        key_of = reader.key_of if rows.typed else reader.mapping_key
        groups: dict[str, tuple[Variant, list[int]]] = {}
        for index, row in enumerate(rows.values):
            key = routing if routing is not None else (key_of(row) if rows.typed or isinstance(row, Mapping) else None)
            chosen = self.choose(key if key is not None else ids[index])
            groups.setdefault(chosen.name, (chosen, []))[1].append(index)
        return list(groups.values())

    def choose(self, key: str) -> Variant:
        """The variant of a routing key."""
        challenger = self.challenger
        if challenger is None:
            return self.champion
        return challenger if place_of(self.model, challenger.served.number, key) < self.share else self.champion

    def named(self, version: str | None) -> Variant | None:
        """The live version that a path names, which answers whatever the key; None for a path that names none.

        Raises:
            RequestError: 404 for a version that answers nobody.
        """
        if version is None:
            return None
        for variant in self.answering():
            if str(variant.served.number) == version:
                return variant
        raise RequestError(404, "unknown_version", f"{self.model} has no live version of this number.")

    def known_to(self, variant: Variant, rows: Sequence[Any]) -> Sequence[Any]:
        """The rows without what only another live version takes: while versions differ, callers give what all of them need."""
        own = variant.served.scorer.reader
        others = {name for other in self.variants() for name in other.served.scorer.reader.names} - {*own.names, *own.entity}
        if not others:
            return rows
        return [{k: v for k, v in row.items() if k not in others} if isinstance(row, Mapping) else row for row in rows]


def picture(
    deployment: DeploymentState,
    served: Callable[[int], Served | None],
    variant: Callable[[Served, str], Variant],
    before: Deployed | None,
) -> Deployed | None:
    """What serves now; None where nothing does.

    Args:
        deployment: what the ledger says of the model.
        served: a version in memory by its number; None where it cannot serve.
        variant: a version in a role.
        before: what served until now. It stays while the champion cannot be loaded, unless it is :data:`GONE`.
    """
    if deployment.champion is None:
        return None
    champion = served(deployment.champion)
    if champion is None:
        return before if before is not None and _may_stay(deployment, before) else None
    other = served(deployment.challenger) if deployment.challenger is not None else None
    unseen = deployment.rollout is not None and deployment.rollout.strategy in UNSEEN
    return Deployed(
        model=deployment.model,
        champion=variant(champion, "champion"),
        challenger=variant(other, "challenger") if other is not None and not unseen else None,
        shadow=variant(other, "shadow") if other is not None and unseen else None,
        share=deployment.traffic.get(deployment.challenger, 0.0) if deployment.challenger is not None else 0.0,
        sequence=deployment.sequence,
    )


def _may_stay(deployment: DeploymentState, before: Deployed) -> bool:
    version = deployment.versions.get(before.champion.served.number)
    return version is not None and version.state not in GONE


def given_key(call: Call) -> str | None:
    """The routing key that a request gives, in the header ``X-Routing-Key``."""
    given = call.header(b"x-routing-key")
    return None if given is None else given.decode("utf-8", "replace")


def place_of(model: str, version: int, key: str) -> float:
    """Where a key falls in [0, 1): evenly spread, and independent from one challenger to the next."""
    digest = blake2b(f"{model}\0{version}\0{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _RANGE
