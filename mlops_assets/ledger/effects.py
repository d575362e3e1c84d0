"""What each kind of event changes in the state of its deployment: the event is lawful, and the state is the fold's own to write on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mlops_assets.ledger.events import Event
from mlops_assets.ledger.state import Approval, DeploymentState, Incident, Interval, Request, Rollout, Verdict, Version, Waiver


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


EFFECTS: Mapping[str, Callable[[DeploymentState, Event], None]] = {
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
"""Kind -> what it does. Kinds about the whole ledger are not here: they change no deployment."""
