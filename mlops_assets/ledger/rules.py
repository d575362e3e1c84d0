"""Whether an event may follow a state, and on what evidence: one check, which appending and verifying share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mlops_assets.governance.approvals import counted, may_approve, standing
from mlops_assets.governance.principals import Actor, in_scope, not_valid
from mlops_assets.ledger.events import Draft, minute
from mlops_assets.ledger.kinds import ENVIRONMENTS
from mlops_assets.ledger.state import DeploymentState, Key, Verdict, Version
from mlops_assets.ledger.transitions import NOUNS, SUBJECT_STARTS


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


def violation(state: Readable, draft: Draft, now: datetime) -> Refusal | None:
    """Why ``draft`` may not follow ``state`` at ``now``, or None where it may. Pure: appending and verifying ask the same question."""
    if draft.model is None or draft.environment is None:
        return _key_violation(state, draft)
    deployment = state.of(draft.model, draft.environment)
    if draft.version is not None and draft.kind != "registered":
        version = deployment.versions.get(draft.version)
        if version is None:
            known = ", ".join(str(number) for number in sorted(deployment.versions)) or "none"
            return Refusal(
                f"{draft.model} has no version {draft.version} in {draft.environment}.",
                f"Registered versions: {known}; `mlops status {draft.model}` shows them.",
            )
        starts = SUBJECT_STARTS.get(draft.kind)
        if starts is not None and version.state not in starts:
            return _wrong_state(draft, version, deployment)
    check = _CHECKS.get(draft.kind)
    refusal = check(state, deployment, draft, now) if check else None
    return refusal or _proven(state, draft, now)


def _wrong_state(draft: Draft, version: Version, deployment: DeploymentState) -> Refusal:
    name = f"{draft.model} {version.number} in {draft.environment}"
    starts = ", ".join(SUBJECT_STARTS[draft.kind])
    why = f"{name} is {version.state} since {minute(version.since)}; {NOUNS[draft.kind]} is possible from {starts}."
    do = {
        "registered": f"Its verdict is {_verdict_status(deployment, version)}: let the gates judge it again, or waive them by name.",
        "champion": "It serves already. `mlops rollback` takes it out; promoting another version replaces it.",
        "challenger": f"A rollout is on its way: `mlops promote {draft.model} {version.number}` or `mlops rollback {draft.model}` ends it.",
        "rejected": "A rejection is final for this version: train and register another one.",
        "retired": "Retirement is final: train and register another version.",
        "rolled_back": f"Promote it again with fresh approvals: `mlops promote {draft.model} {version.number}`.",
        "archived": f"Promote it again with fresh approvals: `mlops promote {draft.model} {version.number}`.",
    }.get(version.state, f"`mlops status {draft.model}` shows what it waits for.")
    return Refusal(why, do)


def _verdict_status(deployment: DeploymentState, version: Version) -> str:
    verdict = deployment.verdicts.get(version.verdict)
    return verdict.status if verdict else "missing"


def evidence(deployment: DeploymentState, version: Version, digests: Mapping[str, Any] | None = None) -> Refusal | None:
    """Why the verdict does not let ``version`` go on: missing, not passed, or bound to other digests than it has or ``digests`` says."""
    name = f"{deployment.model} {version.number}"
    if version.pruned is not None:
        return Refusal(f"the bundle of {name} was pruned at {minute(version.pruned)}.", "Train and register another version.")
    verdict = deployment.verdicts.get(version.verdict)
    if verdict is None:
        return Refusal(f"{name} has no verdict in {deployment.environment}.", "Materialize its evaluation, which judges it.")
    if (differing := differences(verdict.digests, version.digests)) or digests is not None:
        differing = differing or differences(verdict.digests, digests or {})
        if differing:
            return Refusal(
                f"the newest verdict {verdict.id[:12]} on {name} is stale: it is bound to another {' and '.join(differing)}.",
                "Materialize its evaluation again, so that the verdict is about what would serve.",
            )
    if not deployment.allows(verdict):
        gates = ", ".join(f"{gate['name']} {gate['status']}" for gate in verdict.gates if gate["name"] in open_gates(deployment, verdict))
        return Refusal(
            f"the verdict {verdict.id[:12]} on {name} is {verdict.status}{f' ({gates})' if gates else ''}.",
            f"Train a version that passes, or let a named person waive them: `mlops waive {deployment.model} --gate NAME --reason TEXT`.",
        )
    return None


def open_gates(deployment: DeploymentState, verdict: Verdict) -> list[str]:
    """Gates of the verdict that neither passed nor are waived."""
    waived = deployment.waived(verdict.id)
    return [name for name in verdict.not_passed if name not in waived]


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Names of the digests that differ."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def _going_live(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """Evidence, approvals and traffic for a version that would answer requests."""
    version = deployment.versions[draft.version or 0]
    body = draft.body
    if (refusal := evidence(deployment, version, body["digests"])) is not None:
        return refusal
    if body["verdict"] != version.verdict:
        return Refusal(
            f"it names the verdict {body['verdict'][:12]}, but the newest one on this bundle is {version.verdict[:12]}.",
            "Read the state and repeat.",
        )
    if body.get("replaces") != deployment.champion:
        seen = f"version {body['replaces']}" if body.get("replaces") else "no champion"
        here = deployment.champion
        since = f"version {here} is champion since {minute(deployment.versions[here].since)}" if here else "there is no champion"
        return Refusal(
            f"it was to replace {seen}, but {since}.",
            f"Somebody was faster; look at `mlops status {draft.model}` and decide again.",
        )
    if deployment.challenger not in (None, version.number) and draft.kind == "promoted":
        return Refusal(
            f"version {deployment.challenger} is in the middle of a rollout.",
            f"Promote it, or end its rollout first: `mlops rollback {draft.model}`.",
        )
    if version.state != "challenger" and (refusal := _approval_violation(deployment, version, int(body["needed"]), now)) is not None:
        return refusal
    return _approvers_named(version, draft, now) if draft.kind == "promoted" else None


def _approvers_named(version: Version, draft: Draft, now: datetime) -> Refusal | None:
    """A promotion names exactly those whose approvals it rests on: what an auditor reads there is what happened."""
    rests_on = counted(version, int(draft.body["needed"]), now)
    if sorted(rests_on) == sorted(draft.body["approvers"]):
        return None
    named = ", ".join(draft.body["approvers"]) or "nobody"
    return Refusal(f"it names {named} as approvers; {', '.join(rests_on) or 'nobody'} approved.", "Read the state and repeat.")


def _approval_violation(deployment: DeploymentState, version: Version, needed: int, now: datetime) -> Refusal | None:
    stand = standing(version, needed, now)
    if stand.enough:
        return None
    if stand.request is None:
        do = f"Ask for them: `mlops promote {deployment.model} {version.number}` does."
    else:
        given = f" Given: {', '.join(approval.by for approval in stand.approvals)}." if stand.approvals else ""
        command = f"`mlops approve {deployment.model} {version.number}`"
        do = f"Approvers other than {stand.request.by}: {command} until {minute(stand.request.expires)}.{given}"
    return Refusal(f"{stand} for {deployment.model} {version.number} in {deployment.environment}.", do)


def _registered(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    body, name = draft.body, f"{draft.model} {draft.version}"
    bundle = str(body["digests"]["bundle"])
    if (known := deployment.versions.get(draft.version or 0)) is not None:
        return Refusal(
            f"{name} is registered since {minute(known.registered_at)} in {draft.environment}.",
            "Register another bundle under a new number.",
        )
    if (same := deployment.version_of(bundle)) is not None:
        return Refusal(f"the bundle {bundle[:12]} is registered as version {same.number}.", f"Use version {same.number}.")
    if body["sample"] < 1 and draft.environment != "dev":
        return Refusal(
            f"{name} learned from a sample of {body['sample']:.0%} of the data, and such a bundle never leaves dev.",
            f"Train it in {draft.environment} on the full history.",
        )
    newest = deployment.newest_verdict.get(bundle)
    if newest is None:
        return Refusal(f"{name} has no verdict in {draft.environment}.", "Materialize its evaluation, which judges it.")
    if body["verdict"] != newest:
        return Refusal(
            f"{name} names the verdict {body['verdict'][:12]}, but the newest one on this bundle is {newest[:12]}.",
            "Register it with the newest verdict.",
        )
    verdict = deployment.verdicts[newest]
    if differing := differences(verdict.digests, body["digests"]):
        return Refusal(
            f"the verdict {newest[:12]} is bound to another {' and '.join(differing)} than {name} has.", "Materialize its evaluation again."
        )
    if not deployment.allows(verdict):
        gates = ", ".join(f"{gate['name']} {gate['status']}" for gate in verdict.gates if gate["name"] in open_gates(deployment, verdict))
        return Refusal(
            f"the verdict {newest[:12]} on {name} is {verdict.status}{f' ({gates})' if gates else ''}.",
            f"Train a version that passes, or let a named person waive them: `mlops waive {draft.model} --gate NAME --reason TEXT`.",
        )
    champion = deployment.versions.get(deployment.champion or 0)
    if champion is not None and champion.as_of and body.get("as_of") and body["as_of"] < champion.as_of:
        return Refusal(
            f"{name} is as of {body['as_of']}, older than the champion {champion.number} as of {champion.as_of}.",
            "Register a version that is as new as the champion.",
        )
    return _moved(state, deployment, draft)


def _moved(state: Readable, deployment: DeploymentState, draft: Draft) -> Refusal | None:
    """A registration that came from another environment names one that may give, and holds the same bundle."""
    source = draft.body.get("source")
    bundle = str(draft.body["digests"]["bundle"])
    judged_in = deployment.verdicts[deployment.newest_verdict[bundle]].environment
    if source is None:
        if judged_in != draft.environment:
            return Refusal(f"its verdict was given in {judged_in}.", f"Promote it from there: `mlops promote NAME --from {judged_in}`.")
        return None
    if ENVIRONMENTS.index(source["environment"]) >= ENVIRONMENTS.index(draft.environment or ""):
        return Refusal(f"a bundle does not move from {source['environment']} to {draft.environment}.", "It moves from dev to test to prod.")
    there = state.of(draft.model or "", source["environment"])
    origin = there.versions.get(source["version"])
    if there.versions and (origin is None or origin.digests["bundle"] != bundle):
        return Refusal(
            f"version {source['version']} in {source['environment']} is another bundle.", "Move a version that is registered there."
        )
    return None


def _verdict(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    body = draft.body
    if body["status"] == "pass" and (gates := [gate["name"] for gate in body["gates"] if gate["status"] in ("fail", "inconclusive")]):
        return Refusal(f"a verdict cannot be a pass while {', '.join(gates)} did not pass.", "Record what the gates said.")
    if body["environment"] != draft.environment and body.get("source") is None:
        return Refusal(
            f"the verdict was given in {body['environment']}, and this is {draft.environment}.",
            f"Judge it here, or move the version: `mlops promote {draft.model} --from {body['environment']} --to {draft.environment}`.",
        )
    return None


_BY_APPROVER = ("approved", "rejected", "waived")
_BY_OPERATOR = ("approval_requested", "rollout_started", "promoted", "rolled_back", "archived", "retired", "pruned")


def _proven(state: Readable, draft: Draft, now: datetime) -> Refusal | None:
    """Where approvals are asked for, who decides is proven by a key: an approver always, an operator as soon as there is one."""
    if draft.kind in _BY_APPROVER:
        request = state.of(draft.model or "", draft.environment or "").versions[draft.version].request if draft.version else None
        needed = request.needed if draft.kind == "approved" and request else int(draft.body.get("needed", 0))
        return _person(state, draft, ("approver",), now) if needed else None
    if draft.kind in _BY_OPERATOR and draft.body["needed"] and _operators(state, draft, now):
        return _person(state, draft, ("operator", "approver") if draft.kind == "approval_requested" else ("operator",), now)
    return None


def _operators(state: Readable, draft: Draft, now: datetime) -> bool:
    keys = (key for key in state.keys.values() if "operator" in key.roles and in_scope(key.scopes, draft.model, draft.environment))
    return any(not_valid(key, now) is None for key in keys)


def _as_actor(key: Key) -> Actor:
    return Actor(key.principal, frozenset(key.roles), key.scopes, key.prefix)


def _person(state: Readable, draft: Draft, roles: tuple[str, ...], now: datetime) -> Refusal | None:
    key = state.keys.get(str(draft.body.get("key")))
    role = " or ".join(roles)
    do = f"Give the key of an {role} with --key or MLOPS_KEY; `mlops principals add NAME --role {roles[0]}` makes one."
    if key is None or key.principal != draft.actor:
        return Refusal(f"{draft.actor} is not proven by a key, and {draft.environment} asks for known people.", do)
    if (why := not_valid(key, now)) is not None:
        return Refusal(f"the key {key.prefix} of {key.principal} {why}.", do)
    if not any(_as_actor(key).may(item, draft.model, draft.environment) for item in roles):
        return Refusal(
            f"{draft.actor} is {', '.join(key.roles)} for {', '.join(key.scopes)}, not {role} for {draft.environment}/{draft.model}.", do
        )
    return None


def _approval_requested(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    version = deployment.versions[draft.version or 0]
    if (refusal := evidence(deployment, version, draft.body["digests"])) is not None:
        return refusal
    stand = standing(version, 0, now)
    if stand.request is not None and stand.request.needed >= draft.body["needed"]:
        return Refusal(
            f"{stand.request.by} asked for it at {minute(stand.request.at)}.", f"It stands until {minute(stand.request.expires)}."
        )
    return None


def _approved(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    version = deployment.versions[draft.version or 0]
    name = f"{draft.model} {version.number}"
    if (why := may_approve(version, draft.actor, now)) is not None:
        return Refusal(
            f"{name} in {draft.environment}: {why}.", f"`mlops promote {name}` asks for approvals; approvers are distinct people."
        )
    if draft.body["verdict"] != version.verdict or differences(draft.body["digests"], version.digests):
        return Refusal(
            f"{name} changed since it was looked at: its verdict is {version.verdict[:12]} now.",
            f"Look again: `mlops status {draft.model}`.",
        )
    return evidence(deployment, version)


def _waived(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    verdict = deployment.verdicts.get(draft.body["verdict"])
    if verdict is None:
        return Refusal(f"there is no verdict {draft.body['verdict'][:12]} on {draft.model} in {draft.environment}.", "Judge it first.")
    named = list(draft.body["gates"])
    if not named or not draft.body["reason"].strip():
        return Refusal("a waiver names its gates and a reason.", f"Open gates: {', '.join(open_gates(deployment, verdict)) or 'none'}.")
    if wrong := [gate for gate in named if gate not in verdict.not_passed]:
        return Refusal(
            f"{', '.join(wrong)} is no gate of verdict {verdict.id[:12]} that did not pass.",
            f"Gates that did not: {', '.join(verdict.not_passed) or 'none'}.",
        )
    return None


def _rollout_started(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    if deployment.champion is None:
        return Refusal(
            f"{draft.model} has no champion in {draft.environment} to compare with.",
            f"The first version goes live directly: `mlops promote {draft.model} {draft.version}`.",
        )
    return _going_live(state, deployment, draft, now)


def _rolled_back(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    expected = rollback_target(deployment)
    if draft.version == deployment.champion and deployment.challenger is not None:
        return Refusal(f"version {deployment.challenger} is in the middle of a rollout.", "Roll that back first, then the champion.")
    if expected is None:
        return Refusal(
            nothing_to_restore(deployment),
            f"Promote another version, or take the model out of service: `mlops retire {draft.model}`.",
        )
    if draft.body["restored"] != expected:
        return Refusal(
            f"it was to restore version {draft.body['restored']}, but the one to restore is {expected}.", "Read the state and repeat."
        )
    return None


def rollback_target(deployment: DeploymentState) -> int | None:
    """The version that a rollback restores: the champion under a rollout, else the last champion before the current one."""
    if deployment.challenger is not None:
        return deployment.champion
    return previous_champion(deployment)


def previous_champion(deployment: DeploymentState) -> int | None:
    """The last champion before the current one that can serve again."""
    for number in reversed(deployment.predecessors):
        version = deployment.versions[number]
        if version.state == "archived" and version.pruned is None:
            return number
    return None


def nothing_to_restore(deployment: DeploymentState) -> str:
    """Why there is no earlier champion to go back to."""
    said = f"{deployment.model} has no earlier champion in {deployment.environment} to go back to"
    archived = [deployment.versions[n] for n in reversed(deployment.predecessors) if deployment.versions[n].state == "archived"]
    pruned = [f"{version.number} at {minute(version.pruned)}" for version in archived if version.pruned is not None]
    return f"{said}; pruned were {', '.join(pruned)}." if pruned else f"{said}."


def _archived(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    version = deployment.versions[draft.version or 0]
    if version.state in ("champion", "challenger") and not draft.body.get("out_of_service"):
        return Refusal(
            f"{draft.model} {version.number} serves in {draft.environment}.",
            f"Promote another version, roll back, or take the whole model out of service: `mlops retire {draft.model}`.",
        )
    if version.state == "champion" and deployment.challenger is not None:
        return Refusal(f"version {deployment.challenger} is in the middle of a rollout.", "Archive the challenger first.")
    return None


def _pruned(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    version = deployment.versions[draft.version or 0]
    name = f"{draft.model} {version.number}"
    if version.pruned is not None:
        return Refusal(f"the bundle of {name} was pruned at {minute(version.pruned)} already.", "There is nothing left to remove.")
    if version.number == previous_champion(deployment):
        return Refusal(
            f"a rollback in {draft.environment} would restore {name}.", "Its bundle stays until another version takes its place."
        )
    if standing(version, 0, now).request is not None:
        return Refusal(f"approvals of {name} are asked for in {draft.environment}.", "Wait until the request is answered or expires.")
    return None


def _incident_opened(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    if draft.body["incident"] in deployment.incidents:
        return Refusal(f"incident {draft.body['incident']} is open already.", "Close it, or open another one.")
    return None


def _incident_closed(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    if draft.body["incident"] not in deployment.incidents:
        return Refusal(f"incident {draft.body['incident']} is not open.", f"Open: {', '.join(sorted(deployment.incidents)) or 'none'}.")
    return None


def _retraining_requested(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    if (made := deployment.retraining.get(draft.body["key"])) is not None:
        return Refusal(f"retraining for {draft.body['key']} was requested at {minute(made)}.", "One request is made for one cause.")
    return None


def _key_violation(state: Readable, draft: Draft) -> Refusal | None:
    prefix = draft.body["prefix"]
    known = state.keys.get(prefix)
    if draft.kind == "key_created" and known is not None:
        return Refusal(f"there is a key {prefix} already.", "Make another one.")
    if draft.kind == "key_revoked" and (known is None or known.revoked is not None):
        return Refusal(f"there is no valid key {prefix}.", "`mlops principals list` shows them.")
    return None


_CHECKS = {
    "registered": _registered,
    "verdict": _verdict,
    "approval_requested": _approval_requested,
    "approved": _approved,
    "waived": _waived,
    "rollout_started": _rollout_started,
    "promoted": _going_live,
    "rolled_back": _rolled_back,
    "archived": _archived,
    "pruned": _pruned,
    "incident_opened": _incident_opened,
    "incident_closed": _incident_closed,
    "retraining_requested": _retraining_requested,
}
