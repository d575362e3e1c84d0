"""The dossier of one version: everything that an auditor asks of it, from records alone. What nobody declared stays null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_assets.ledger.events import Event
from mlops_assets.ledger.folding import Folding
from mlops_assets.ledger.state import DeploymentState
from mlops_assets.ledger.story import tell

PURPOSE = ("description", "intended_use", "owner", "risk", "task")


@dataclass(frozen=True)
class DossierRecords:
    """What a dossier is made from.

    Attributes:
        events: every event of the model, all environments, in order.
        provenance: as ``Provenance.to_json`` gives it; None where the bundle is not in the store.
        declaration: the model's declaration as it was trained; None where it was not kept.
        facts: of the training set's manifest.
        evaluation: as ``Evaluation.to_json`` gives it.
        verdict: as ``Verdict.to_json`` gives it, with intervals and details that the ledger does not hold.
        needed: how many approvals the environment asks for.
        links: address by title.
        ledger: what verifying the whole ledger found.
    """

    events: Sequence[Event]
    provenance: Mapping[str, Any] | None = None
    declaration: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    verdict: Mapping[str, Any] | None = None
    needed: int = 0
    links: Mapping[str, str] = field(default_factory=dict)
    ledger: Mapping[str, Any] = field(default_factory=dict)


def build_dossier(state: DeploymentState, number: int, records: DossierRecords) -> dict[str, Any]:
    """The dossier of version ``number`` as plain JSON data; the same records give the same dossier."""
    version = state.versions[number]
    declared, facts = records.declaration or {}, records.facts
    here = [event for event in records.events if event.environment == state.environment]
    return {
        "schema": 1,
        "model": state.model,
        "version": number,
        "environment": state.environment,
        "state": version.state,
        "since": version.since,
        "definition_kept": records.declaration is not None,
        "purpose": {part: declared.get(part) or None for part in PURPOSE},
        "digests": dict(version.digests),
        "training": {
            "as_of": version.as_of,
            "sample": version.sample,
            "rows": dict(facts.get("rows") or {}),
            "as_of_times": dict(facts.get("as_of") or {}),
            "features": [feature["name"] for feature in facts.get("features", ())],
            "target": facts.get("target"),
            "horizon": facts.get("horizon"),
            **{part: (records.provenance or {}).get(part) for part in ("environment", "seed", "code_version", "libraries", "data")},
        },
        "main_metric": records.evaluation.get("main_metric"),
        "metrics": dict(records.evaluation.get("metrics") or {}),
        "slices": dict(records.evaluation.get("slices") or {}),
        "verdict": _verdict(state, version.verdict, records.verdict),
        "verdicts": _verdicts(here, str(version.digests["bundle"])),
        "waivers": [
            {"by": one.by, "at": one.at, "gates": list(one.gates), "reason": one.reason, "event": one.sequence}
            for one in state.waivers
            if one.verdict == version.verdict
        ],
        "approvals": {"needed": records.needed, "given": _approvals(here, number)},
        "pruned": _pruned(here, number),
        "changes": state_changes(here, state, number),
        "served": [{"from": one.since, "until": one.until} for one in state.intervals if one.version == number],
        "incidents": _incidents(here, state, number),
        "came_from": dict(version.source) if version.source else None,
        "links": dict(records.links),
        "ledger": dict(records.ledger),
    }


def state_changes(events: Sequence[Event], state: DeploymentState, number: int) -> list[dict[str, Any]]:
    """Every change of the version's state, and the event that caused it, which may be about another version."""
    folding = Folding()
    changes, before = [], None
    for event in events:
        folding.apply(event)
        version = folding.of(state.model, state.environment).versions.get(number)
        after = version.state if version else None
        if after != before:
            cause = {"event": event.sequence, "kind": event.kind, "by": event.actor, "run": event.body.get("run"), "cause": tell(event)}
            changes.append({"from": before, "to": after, "at": event.time, **cause})
        before = after
    return changes


def _verdict(state: DeploymentState, id: str, recorded: Mapping[str, Any] | None) -> dict[str, Any]:
    """The verdict that stands: as it was recorded in full where it is that one, else as far as the ledger holds it."""
    verdict = state.verdicts[id]
    full = recorded if recorded is not None and recorded.get("id") == id else None
    gates = full["gates"] if full is not None else [dict(gate) for gate in verdict.gates]
    waived = state.waived(id)
    shown = {"id": id, "status": verdict.status, "at": verdict.at, "environment": verdict.environment, "event": verdict.sequence}
    return {**shown, "digests": dict(verdict.digests), "gates": [{**gate, "waived": gate["name"] in waived} for gate in gates]}


def _verdicts(events: Sequence[Event], bundle: str) -> list[dict[str, Any]]:
    """Every verdict on this bundle, oldest first."""
    mine = [event for event in events if event.kind == "verdict" and event.body["digests"]["bundle"] == bundle]
    return [{"id": event.body["id"], "status": event.body["status"], "at": event.time, "event": event.sequence} for event in mine]


def _approvals(events: Sequence[Event], number: int) -> list[dict[str, Any]]:
    """Every approval that was ever given to the version, with what exactly it was given to."""
    return [
        {
            "by": event.actor,
            "at": event.time,
            "event": event.sequence,
            "key": event.body.get("key"),
            "verdict": event.body["verdict"],
            "digests": dict(event.body["digests"]),
            "comment": event.body.get("comment"),
        }
        for event in events
        if event.kind == "approved" and event.version == number
    ]


def _pruned(events: Sequence[Event], number: int) -> dict[str, Any] | None:
    """When, by whom and why the bundle of the version was removed; None while it is there."""
    for event in events:
        if event.kind == "pruned" and event.version == number:
            return {"at": event.time, "by": event.actor, "reason": event.body["reason"], "event": event.sequence}
    return None


def _incidents(events: Sequence[Event], state: DeploymentState, number: int) -> list[dict[str, Any]]:
    """Incidents of the model that were opened while the version served, and how each ended."""
    reigns = [(one.opened, one.closed) for one in state.intervals if one.version == number]
    closed = {event.body["incident"]: event for event in events if event.kind == "incident_closed"}
    found = []
    for event in events:
        if event.kind != "incident_opened" or not any(a < event.sequence and (b is None or event.sequence < b) for a, b in reigns):
            continue
        end = closed.get(event.body["incident"])
        end = end if end is not None and end.sequence > event.sequence else None
        said = {part: event.body[part] for part in ("incident", "severity", "summary")}
        found.append(
            {**said, "opened": event.time, "closed": end.time if end else None, "resolution": end.body["resolution"] if end else None}
        )
    return found
