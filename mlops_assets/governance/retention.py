"""Which bundles may be removed: a pure function of what the ledgers say, of how long bundles are kept, and of the time.

The bundle of a version goes only when every version that holds it, in every environment, is out of service for longer than it is to be
kept, and nothing asks for it any more. What is kept says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlops_assets.ledger.approvals import standing
from mlops_assets.ledger.events import minute, read_time
from mlops_assets.ledger.rules.rolling_back import previous_champion
from mlops_assets.ledger.state import DeploymentState, Version
from mlops_assets.ledger.transitions import PRUNABLE


@dataclass(frozen=True)
class Holding:
    """A version and its bundle.

    Attributes:
        environment, model, version, state: which one, and where it stands.
        bundle: digest.
        unused_since: when it was put aside, or served last (UTC).
        why: what keeps the bundle; None where it may go.
        pruned: when it went.
    """

    environment: str
    model: str
    version: int
    state: str
    bundle: str
    unused_since: datetime
    why: str | None
    pruned: str | None


def holdings(
    deployments: Mapping[tuple[str, str], DeploymentState], kept_until: Callable[[str, datetime], datetime | None], now: datetime
) -> list[Holding]:
    """Every registered version and what keeps its bundle, by environment, model and number.

    Args:
        deployments: of every environment whose bundles lie in one store, by environment and model.
        kept_until: until when a model's bundle that is unused since a time must be kept; None: for ever.
        now: UTC.
    """
    found = []
    for _, state in sorted(deployments.items()):
        found += [_holding(state, version, kept_until, now) for _, version in sorted(state.versions.items())]
    needed: dict[str, Holding] = {}
    for holding in found:
        if holding.why is not None and holding.pruned is None:
            needed.setdefault(holding.bundle, holding)
    return [_with_others(holding, needed.get(holding.bundle)) for holding in found]


def prunable(found: Sequence[Holding]) -> list[Holding]:
    """Those whose bundle may go now."""
    return [holding for holding in found if holding.why is None and holding.pruned is None]


def _holding(state: DeploymentState, version: Version, kept_until: Callable[[str, datetime], datetime | None], now: datetime) -> Holding:
    ends = [read_time(one.until) for one in state.intervals if one.version == version.number and one.until is not None]
    since = max([read_time(version.since), *ends])
    why = _why(state, version, kept_until(state.model, since), now)
    return Holding(
        state.environment, state.model, version.number, version.state, str(version.digests["bundle"]), since, why, version.pruned
    )


def _why(state: DeploymentState, version: Version, until: datetime | None, now: datetime) -> str | None:
    if version.state not in PRUNABLE:
        return f"it is {version.state}"
    if version.number == previous_champion(state):
        return "a rollback would restore it"
    if (request := standing(version, 0, now).request) is not None:
        return f"its approval is asked for until {minute(request.expires)}"
    if state.incidents and any(one.version == version.number for one in state.intervals):
        return f"it served, and incident {min(state.incidents)} is open"
    if until is None:
        return "bundles of this model are kept for ever"
    return f"it is kept until {minute(until.isoformat())}" if now < until else None


def _with_others(holding: Holding, needed: Holding | None) -> Holding:
    if holding.why is not None or needed is None:
        return holding
    said = f"version {needed.version} in {needed.environment} has the same bundle, and {needed.why}"
    return Holding(**{**vars(holding), "why": said})
