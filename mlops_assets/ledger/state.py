"""Deployment state as a fold over events: a pure function, incremental from any earlier state.

States are plain data that nobody changes: :func:`fold` copies what an event touches before it writes there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from mlops_assets.ledger.events import GENESIS, Event, read_time

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
        return tuple(str(gate["name"]) for gate in self.gates if gate["status"] in ("fail", "inconclusive"))


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

    def _copy(self) -> DeploymentState:
        other = copy(self)
        for name in ("versions", "traffic", "intervals", "bundles", "verdicts", "newest_verdict", "incidents", "retraining"):
            setattr(other, name, copy(getattr(self, name)))
        return other


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as the ledger knows it: never the key, only its SHA-256."""

    principal: str
    prefix: str
    hash: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    created: str
    created_by: str
    expires: str | None
    revoked: str | None = None


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


def fold(events: Iterable[Event], start: State = EMPTY) -> State:
    """State after ``events``, which follow ``start``; neither is changed. Folding in pieces gives the same as folding at once."""
    folding = Folding(start)
    for event in events:
        folding.apply(event)
    return folding.state()


class Folding:
    """A fold in progress: reads like a state, takes one event at a time, copies what it touches of where it started."""

    def __init__(self, start: State = EMPTY) -> None:
        self.sequence = start.sequence
        self.head = start.head
        self.time = start.time
        self._deployments = dict(start.deployments)
        self._keys = start.keys
        self._own: set[tuple[str, str]] = set()

    def of(self, model: str, environment: str) -> DeploymentState:
        """As :meth:`State.of`; valid until the next event."""
        return self._deployments.get((environment, model)) or DeploymentState(model, environment)

    @property
    def keys(self) -> Mapping[str, Key]:
        """As ``State.keys``."""
        return self._keys

    def apply(self, event: Event) -> None:
        """Take one event."""
        if event.model is not None and event.environment is not None:
            key = (event.environment, event.model)
            state = self._deployments.get(key)
            if state is None:
                state = self._deployments[key] = DeploymentState(event.model, event.environment)
                self._own.add(key)
            elif key not in self._own:
                state = self._deployments[key] = state._copy()
                self._own.add(key)
            _APPLY[event.kind](state, event)
            state.sequence = event.sequence
        elif event.kind == "key_created":
            self._keys = {**self._keys, event.body["prefix"]: _key(event)}
        elif event.kind == "key_revoked" and event.body["prefix"] in self._keys:
            prefix = event.body["prefix"]
            self._keys = {**self._keys, prefix: replace(self._keys[prefix], revoked=event.time)}
        self.sequence, self.head, self.time = event.sequence, event.hash, event.time

    def state(self) -> State:
        """The state after the events taken so far; the folding may go on."""
        self._own.clear()
        return State(self.sequence, self.head, self.time, dict(self._deployments), self._keys)


def _key(event: Event) -> Key:
    body = event.body
    return Key(
        body["principal"],
        body["prefix"],
        body["hash"],
        tuple(body["roles"]),
        tuple(body["scopes"]),
        event.time,
        event.actor,
        body.get("expires"),
    )


def _number(event: Event) -> int:
    assert event.version is not None
    return event.version


def _move(state: DeploymentState, number: int, to: str, event: Event, **changes: Any) -> None:
    """Put a version into another state; approvals belong to the state that they were given in."""
    version = state.versions.get(number)
    if version is not None:
        state.versions[number] = replace(
            version, state=to, since=event.time, sequence=event.sequence, request=None, approvals=(), **changes
        )


def _settle(state: DeploymentState, version: Version, event: Event) -> None:
    """Set a version that is not live to what its evidence makes it."""
    if version.state not in ("registered", "candidate", "approved"):
        return
    verdict = state.verdicts.get(version.verdict)
    binds = verdict is not None and dict(verdict.digests) == dict(version.digests)
    to = "candidate" if verdict is not None and binds and state.allows(verdict) else "registered"
    if version.state == "approved" and to == "candidate" and version.request is not None:
        return
    if to != version.state:
        state.versions[version.number] = replace(version, state=to, since=event.time, sequence=event.sequence)


def _verdict(state: DeploymentState, event: Event) -> None:
    body = event.body
    verdict = Verdict(
        body["id"],
        body["status"],
        body["digests"],
        tuple(body["gates"]),
        body["environment"],
        body["sample"],
        body.get("as_of"),
        event.time,
        event.sequence,
    )
    state.verdicts[verdict.id] = verdict
    state.last_verdict = verdict.id
    bundle = str(verdict.digests["bundle"])
    changed = state.newest_verdict.get(bundle) != verdict.id
    state.newest_verdict[bundle] = verdict.id
    version = state.version_of(bundle)
    if version is not None and changed:
        version = replace(version, verdict=verdict.id, request=None, approvals=())
        state.versions[version.number] = version
        _settle(state, version, event)


def _registered(state: DeploymentState, event: Event) -> None:
    body = event.body
    version = Version(
        _number(event),
        "registered",
        body["digests"],
        body["verdict"],
        body["sample"],
        body.get("as_of"),
        event.actor,
        event.time,
        event.time,
        event.sequence,
        body.get("source"),
        body.get("mlflow_run"),
    )
    state.versions[version.number] = version
    state.bundles[str(version.digests["bundle"])] = version.number
    _settle(state, version, event)


def _waived(state: DeploymentState, event: Event) -> None:
    body = event.body
    state.waivers = (*state.waivers, Waiver(event.actor, event.time, body["verdict"], tuple(body["gates"]), body["reason"], event.sequence))
    for version in [version for version in state.versions.values() if version.verdict == body["verdict"]]:
        _settle(state, version, event)


def _approval_requested(state: DeploymentState, event: Event) -> None:
    body = event.body
    request = Request(event.actor, event.time, body["expires"], body["needed"], body["verdict"], body["digests"], event.sequence)
    version = state.versions[_number(event)]
    state.versions[version.number] = replace(
        version,
        state="candidate" if version.state == "approved" else version.state,
        request=request,
        approvals=(),
    )


def _approved(state: DeploymentState, event: Event) -> None:
    body = event.body
    version = state.versions[_number(event)]
    approval = Approval(event.actor, event.time, body["verdict"], body["digests"], event.sequence, body.get("comment"))
    approvals = (*version.approvals, approval)
    enough = version.request is not None and len(approvals) >= version.request.needed and version.state == "candidate"
    state.versions[version.number] = replace(
        version,
        approvals=approvals,
        state="approved" if enough else version.state,
        since=event.time if enough else version.since,
        sequence=event.sequence if enough else version.sequence,
    )


def _rejected(state: DeploymentState, event: Event) -> None:
    _move(state, _number(event), "rejected", event)


def _rollout_started(state: DeploymentState, event: Event) -> None:
    body, number = event.body, _number(event)
    if state.challenger is not None and state.challenger != number:
        _move(state, state.challenger, "archived", event)
    _move(state, number, "challenger", event, accepted=state.versions[number].approvals)
    state.challenger = number
    state.rollout = Rollout(number, body["strategy"], tuple(body["steps"]), 0, body["share"], event.time, event.time)
    _share(state, body["share"])


def _share(state: DeploymentState, share: float) -> None:
    assert state.challenger is not None
    if state.champion is not None:
        state.traffic = {state.champion: 1 - share, state.challenger: share}


def _traffic_shifted(state: DeploymentState, event: Event) -> None:
    if state.rollout is not None:
        state.rollout = replace(state.rollout, step=event.body["step"], share=event.body["share"], shifted=event.time, last_result=None)
        _share(state, event.body["share"])


def _analysed(state: DeploymentState, event: Event) -> None:
    if state.rollout is not None and state.rollout.version == event.version:
        state.rollout = replace(state.rollout, last_result=event.body["result"])


def _end_interval(state: DeploymentState, event: Event) -> None:
    if state.intervals and state.intervals[-1].until is None:
        state.intervals[-1] = replace(state.intervals[-1], until=event.time, closed=event.sequence)


def _reign(state: DeploymentState, number: int, event: Event, **changes: Any) -> None:
    _end_interval(state, event)
    _move(state, number, "champion", event, **changes)
    state.champion = number
    state.traffic = {number: 1.0}
    state.intervals.append(Interval(number, event.time, None, event.sequence))


def _without(predecessors: tuple[int, ...], number: int) -> tuple[int, ...]:
    return tuple(item for item in predecessors if item != number) if number in predecessors else predecessors


def _promoted(state: DeploymentState, event: Event) -> None:
    number = _number(event)
    state.predecessors = _without(state.predecessors, number)
    if state.champion is not None:
        _move(state, state.champion, "archived", event)
        state.predecessors = (*_without(state.predecessors, state.champion), state.champion)
    version = state.versions[number]
    counted = version.accepted if version.state == "challenger" else version.approvals
    accepted = tuple(approval for approval in counted if approval.by in event.body["approvers"])
    if state.challenger == number:
        state.challenger = state.rollout = None
    _reign(state, number, event, accepted=accepted)


def _rolled_back(state: DeploymentState, event: Event) -> None:
    number, restored = _number(event), event.body["restored"]
    _move(state, number, "rolled_back", event)
    if number == state.challenger:
        state.challenger = state.rollout = None
        state.traffic = {restored: 1.0}
        return
    state.predecessors = _without(state.predecessors, restored)
    _reign(state, restored, event)


def _archived(state: DeploymentState, event: Event) -> None:
    _take_out(state, event, "archived")


def _retired(state: DeploymentState, event: Event) -> None:
    _take_out(state, event, "retired")


def _take_out(state: DeploymentState, event: Event, to: str) -> None:
    number = _number(event)
    _move(state, number, to, event)
    if number == state.challenger:
        state.challenger = state.rollout = None
        state.traffic = {state.champion: 1.0} if state.champion is not None else {}
    if number == state.champion:
        _end_interval(state, event)
        state.champion = None
        state.traffic = {}
        state.predecessors = (*state.predecessors, number)
    if to == "retired":
        state.predecessors = _without(state.predecessors, number)


def _pruned(state: DeploymentState, event: Event) -> None:
    number = _number(event)
    state.versions[number] = replace(state.versions[number], pruned=event.time)


def _drift_found(state: DeploymentState, event: Event) -> None:
    state.last_drift = {**event.body, "at": event.time}


def _retraining(state: DeploymentState, event: Event) -> None:
    if event.kind == "retraining_requested":
        state.retraining[event.body["key"]] = event.time


def _incident_opened(state: DeploymentState, event: Event) -> None:
    body = event.body
    state.incidents[body["incident"]] = Incident(body["incident"], body["severity"], body["summary"], event.time, event.actor)


def _incident_closed(state: DeploymentState, event: Event) -> None:
    state.incidents.pop(event.body["incident"], None)


_APPLY: Mapping[str, Callable[[DeploymentState, Event], None]] = {
    "verdict": _verdict,
    "registered": _registered,
    "approval_requested": _approval_requested,
    "approved": _approved,
    "rejected": _rejected,
    "waived": _waived,
    "rollout_started": _rollout_started,
    "traffic_shifted": _traffic_shifted,
    "analysed": _analysed,
    "promoted": _promoted,
    "rolled_back": _rolled_back,
    "archived": _archived,
    "retired": _retired,
    "pruned": _pruned,
    "drift_found": _drift_found,
    "retraining_requested": _retraining,
    "retraining_declined": _retraining,
    "incident_opened": _incident_opened,
    "incident_closed": _incident_closed,
}


def as_json(state: DeploymentState) -> dict[str, Any]:
    """The state as plain JSON data; version numbers become text where they are keys."""
    document = asdict(state)
    document["versions"] = {str(number): asdict(version) for number, version in state.versions.items()}
    document["traffic"] = {str(number): share for number, share in state.traffic.items()}
    return document
