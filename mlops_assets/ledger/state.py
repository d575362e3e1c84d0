"""What the deployment of a model is at one moment: versions, approvals, traffic, history. Plain data that nobody changes.

:mod:`mlops_assets.ledger.folding` makes it from events.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from mlops_assets.ledger.actors import Key
from mlops_assets.ledger.events import GENESIS, read_time
from mlops_assets.ledger.words import NOT_PASSED

LIVE = ("challenger", "champion")
"""States of versions that take traffic."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's approval of exactly ``digests`` on the evidence of ``verdict``."""

    by: str
    at: str
    verdict: str
    digests: Mapping[str, str | None]
    sequence: int
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request for ``needed`` approvals that stands until ``expires``."""

    by: str
    at: str
    expires: str
    needed: int
    verdict: str
    digests: Mapping[str, str | None]
    sequence: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gates said of a bundle, as far as the ledger holds it."""

    id: str
    status: str
    digests: Mapping[str, str | None]
    gates: tuple[Mapping[str, Any], ...]
    environment: str
    sample: float
    as_of: str | None
    at: str
    sequence: int

    @property
    def not_passed(self) -> tuple[str, ...]:
        """Names of the gates that failed or were inconclusive."""
        return tuple(str(gate["name"]) for gate in self.gates if gate["status"] in NOT_PASSED)


@dataclass(frozen=True, slots=True)
class Waiver:
    """A named person let ``gates`` of ``verdict`` pass, for ``reason``."""

    by: str
    at: str
    verdict: str
    gates: tuple[str, ...]
    reason: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Version:
    """A registered bundle, the state it is in, and the evidence that stands for it.

    ``approvals`` answer the request that stands now; ``accepted`` are those that it last went live with. ``pruned`` says when its bundle
    was removed.
    """

    number: int
    state: str
    digests: Mapping[str, str | None]
    verdict: str
    sample: float
    as_of: str | None
    registered_by: str
    registered_at: str
    since: str
    sequence: int
    source: Mapping[str, Any] | None = None
    mlflow_run: str | None = None
    request: Request | None = None
    approvals: tuple[Approval, ...] = ()
    accepted: tuple[Approval, ...] = ()
    pruned: str | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """``version`` was champion from ``since`` until ``until`` (None: still is); sequences of the two events beside."""

    version: int
    since: str
    until: str | None
    opened: int
    closed: int | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """A challenger on its way: its strategy, the step that it stands on and since when."""

    version: int
    strategy: str
    steps: tuple[float, ...]
    step: int
    share: float
    started: str
    shifted: str
    last_result: str | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that needs a person, until it is closed."""

    id: str
    severity: str
    summary: str
    opened: str
    by: str


@dataclass(slots=True)
class DeploymentState:
    """Everything that is true of one model in one environment.

    ``traffic`` holds the share of each version that answers and sums to 1 where there is a champion. ``predecessors`` are the champions
    that a rollback would restore, the last one first to be restored. ``retraining`` holds the keys of requests and when they were made.
    """

    model: str
    environment: str
    sequence: int = 0
    versions: dict[int, Version] = field(default_factory=dict)
    champion: int | None = None
    challenger: int | None = None
    traffic: dict[int, float] = field(default_factory=dict)
    predecessors: tuple[int, ...] = ()
    rollout: Rollout | None = None
    intervals: list[Interval] = field(default_factory=list)
    bundles: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    newest_verdict: dict[str, str] = field(default_factory=dict)
    last_verdict: str | None = None
    waivers: tuple[Waiver, ...] = ()
    incidents: dict[str, Incident] = field(default_factory=dict)
    retraining: dict[str, str] = field(default_factory=dict)
    last_drift: Mapping[str, Any] | None = None

    def waived(self, verdict: str) -> frozenset[str]:
        """Names of the gates of ``verdict`` that a person waived."""
        return frozenset(gate for waiver in self.waivers if waiver.verdict == verdict for gate in waiver.gates)

    def allows(self, verdict: Verdict) -> bool:
        """Whether the evidence lets a version go on: a pass, or every gate that did not pass is waived."""
        if verdict.status == "pass":
            return True
        return bool(verdict.not_passed) and set(verdict.not_passed) <= self.waived(verdict.id)

    def version_of(self, bundle: str) -> Version | None:
        """The version that holds this bundle digest, if it is registered here."""
        number = self.bundles.get(bundle)
        return None if number is None else self.versions[number]

    def champion_at(self, time: datetime) -> int | None:
        """Which version was champion at ``time``."""
        for interval in reversed(self.intervals):
            if read_time(interval.since) <= time and (interval.until is None or time < read_time(interval.until)):
                return interval.version
        return None

    def copied(self) -> DeploymentState:
        """A state of its own, for a fold to write on."""
        other = copy(self)
        for name in ("versions", "traffic", "intervals", "bundles", "verdicts", "newest_verdict", "incidents", "retraining"):
            setattr(other, name, copy(getattr(self, name)))
        return other


@dataclass(frozen=True, slots=True)
class State:
    """The whole ledger folded: deployments by (environment, model), keys by prefix, and where the fold stands."""

    sequence: int = 0
    head: str = GENESIS
    time: str = ""
    deployments: Mapping[tuple[str, str], DeploymentState] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)

    def of(self, model: str, environment: str) -> DeploymentState:
        """The state of one model in one environment; empty where nothing happened yet."""
        return self.deployments.get((environment, model)) or DeploymentState(model, environment)

    def models(self, environment: str) -> list[str]:
        """Names of the models that something happened to, sorted."""
        return sorted(model for at, model in self.deployments if at == environment)


EMPTY = State()


def as_json(state: DeploymentState) -> dict[str, Any]:
    """The state as plain JSON data; version numbers become text where they are keys."""
    document = asdict(state)
    document["versions"] = {str(number): asdict(version) for number, version in state.versions.items()}
    document["traffic"] = {str(number): share for number, share in state.traffic.items()}
    return document
