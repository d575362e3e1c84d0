"""Events as sentences, for people who read the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlops_assets.ledger.events import Event
from mlops_assets.ledger.words import NOT_PASSED


def tell(event: Event) -> str:
    """One line: when, where, and what was done by whom on what evidence."""
    about = f"{event.model} {event.version}" if event.version else event.model or ""
    where = f" [{event.environment}]" if event.environment else ""
    return f"{event.sequence:>6}  {event.time[:19]}Z{where}  {_TELL[event.kind](event, event.body, about)}"


def _numbers(numbers: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in sorted(numbers.items()))


def _share(share: float) -> str:
    return f"{share:.4g}" if 0 < share < 0.001 else f"{share:.1%}".replace(".0%", "%")


def _verdict(event: Event, body: Mapping[str, Any], about: str) -> str:
    gates = body["gates"]
    wrong = [f"{gate['name']} {gate['status']}" for gate in gates if gate["status"] in NOT_PASSED]
    as_of = f" as of {body['as_of']}" if body.get("as_of") else ""
    source = f", moved from {body['source']['environment']}" if body.get("source") else ""
    ruled = [f"{gate['name']} {gate['rule']}" for gate in gates if gate.get("rule")]
    shown = f" ({'; '.join(wrong)})" if wrong else f" over {len(gates)} gates{', ' if ruled else ''}{'; '.join(ruled)}"
    return f"the gates judged {about}{as_of}, bundle {_short(body)}: {body['status']}{shown}{source}"


def _short(body: Mapping[str, Any]) -> str:
    return str(body["digests"]["bundle"])[:12]


def _registered(event: Event, body: Mapping[str, Any], about: str) -> str:
    source = body.get("source")
    came = f", moved from {source['environment']} version {source['version']}" if source else ""
    sample = f", learned from {_share(body['sample'])} of the data" if body["sample"] < 1 else ""
    return f"{event.actor} registered {about}: bundle {_short(body)}, verdict {body['verdict'][:12]}{sample}{came}"


def _requested(event: Event, body: Mapping[str, Any], about: str) -> str:
    return f"{event.actor} asked for {body['needed']} approvals of {about}, until {body['expires'][:19]}Z{_said(body.get('comment'))}"


def _said(text: str | None) -> str:
    return f": {text}" if text else ""


def _promoted(event: Event, body: Mapping[str, Any], about: str) -> str:
    replaced = f" in place of {body['replaces']}" if body.get("replaces") else ""
    approved = f"approved by {' and '.join(body['approvers'])}" if body["approvers"] else f"{body['needed']} approvals needed"
    return f"{event.actor} made {about} champion{replaced}: verdict {body['verdict'][:12]}, {approved}{_said(body.get('reason'))}"


def _drift(event: Event, body: Mapping[str, Any], about: str) -> str:
    return f"drift of {about} found by {body['metric']} over {body['window']}: {_numbers(body['numbers'])} (n {body['n']})"


def _key_created(event: Event, body: Mapping[str, Any], about: str) -> str:
    until = f", until {body['expires'][:19]}Z" if body.get("expires") else ""
    rights = f"{', '.join(body['roles'])} for {', '.join(body['scopes'])}"
    return f"{event.actor} made key {body['prefix']} for {body['principal']}: {rights}{until}"


_TELL: Mapping[str, Callable[[Event, Mapping[str, Any], str], str]] = {
    "verdict": _verdict,
    "registered": _registered,
    "approval_requested": _requested,
    "approved": lambda e, b, about: f"{e.actor} approved {about}: verdict {b['verdict'][:12]}, bundle {_short(b)}{_said(b.get('comment'))}",
    "rejected": lambda e, b, about: f"{e.actor} rejected {about}: {b['reason']}",
    "waived": lambda e, b, about: f"{e.actor} waived {', '.join(b['gates'])} of verdict {b['verdict'][:12]} on {about}: {b['reason']}",
    "rollout_started": lambda e, b, about: (
        f"{e.actor} started the rollout of {about}: {b['strategy']}, {_share(b['share'])} of the traffic"
    ),
    "traffic_shifted": lambda e, b, about: f"{e.actor} gave {about} {_share(b['share'])} of the traffic (step {b['step']})",
    "analysed": lambda e, b, about: f"step {b['step']} of {about} is {b['result']}: {_numbers(b['numbers'])} (n {b['n']})",
    "promoted": _promoted,
    "rolled_back": lambda e, b, about: f"{e.actor} rolled {about} back, version {b['restored']} takes all traffic: {b['reason']}",
    "archived": lambda e, b, about: f"{e.actor} archived {about}: {b['reason']}",
    "retired": lambda e, b, about: f"{e.actor} retired {about}: {b['reason']}",
    "pruned": lambda e, b, about: f"{e.actor} removed the bundle of {about} for good: {b['reason']}",
    "drift_found": _drift,
    "retraining_requested": lambda e, b, about: f"{e.actor} asked to train {about} again: {b['trigger']} ({_numbers(b['numbers'])})",
    "retraining_declined": lambda e, b, about: (
        f"{e.actor} did not train {about} again: {b['trigger']}, {b['reason']} ({_numbers(b['numbers'])})"
    ),
    "incident_opened": lambda e, b, about: f"incident {b['incident']} of {about} opened, {b['severity']}: {b['summary']}",
    "incident_closed": lambda e, b, about: f"{e.actor} closed incident {b['incident']} of {about}: {b['resolution']}",
    "key_created": _key_created,
    "key_revoked": lambda e, b, about: f"{e.actor} revoked key {b['prefix']}{_said(b.get('reason'))}",
}
