"""Alert rules of a model at work: gather what they look at, evaluate, act, tell people, remember."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.decisions import roll_back
from mlops_assets.lifecycle.watching.asks import ask_of, remember, remembered
from mlops_assets.lifecycle.watching.requests import recent_requests
from mlops_assets.lifecycle.watching.tables import concat
from mlops_assets.spec.metrics import metric_names
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.ledger.events import Event
    from mlops_assets.ledger.state import DeploymentState
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.monitoring.alerts.evidence import Partition, Sources
    from mlops_assets.monitoring.alerts.rules import Evaluation, Intention
    from mlops_assets.spec.monitor import Alert

PARTITIONS = 60
"""Newest monitoring partitions that rules over a stretch of time may look at."""
ATTEMPTS, DEADLINE = 2, 10.0


def weigh(workspace: Workspace, name: str, on_rollback: Callable[[Event], None]) -> Iterator[str]:
    """Evaluate every rule of ``name``; yields what each one saw and what came of it.

    ``on_rollback`` is told of each rollback that was carried out.
    """
    from mlops_assets.monitoring.alerts.evidence import evidence_of
    from mlops_assets.monitoring.alerts.rules import AlertState, evaluate, fingerprint, told

    rules, state = workspace.catalogue.models[name].monitor.alerts, workspace.ledger.state(name)
    if state.champion is None:
        yield "no version serves, so no rule is weighed"
        return
    memory, now, environment = remembered(workspace, name), workspace.now(), workspace.settings.environment
    sources = sources_of(workspace, name, state, rules)
    for rule in rules:
        mark = fingerprint(name, environment, rule)
        found = evaluate(
            rule, evidence_of(rule, sources, now), AlertState.from_json(memory["rules"].get(mark)), now, model=name, environment=environment
        )
        said = [found.text]
        for intention in found.intentions:
            if intention.withheld is None and intention.key not in memory["done"]:
                said.append(_act(workspace, name, rule, found, intention, memory, on_rollback))
        delivered, failures = _tell(workspace, name, rule, found)
        memory["rules"][mark] = told(found, delivered).to_json()
        remember(workspace, name, memory)
        yield "; ".join([*said, *failures])


def sources_of(workspace: Workspace, name: str, state: DeploymentState, rules: Sequence[Alert]) -> Sources:
    """What ``rules`` look at, of the champion alone; only what they ask for is read."""
    from mlops_assets.lifecycle.champions import reference_of
    from mlops_assets.monitoring.alerts.evidence import PARTITION_METRICS, Sources

    model = workspace.catalogue.models[name]
    of_task = set(metric_names(model.task))
    assert state.champion is not None
    champion = state.versions[state.champion]
    by_partition = {rule.metric for rule in rules if rule.metric in PARTITION_METRICS or (rule.metric in of_task and rule.over is None)}
    over_labels = [rule for rule in rules if rule.metric in of_task and rule.over is not None]
    serving = [rule for rule in rules if rule.metric not in of_task and rule.metric not in PARTITION_METRICS]
    return Sources(
        task=model.task,
        requests=recent_requests(workspace, name, champion.number, serving) if serving else None,
        outcomes=_outcomes(workspace, name, champion.number) if over_labels else None,
        reference=reference_of(workspace, name, champion) if over_labels else None,
        partitions={metric: _partitions(workspace, name, metric, champion.number) for metric in sorted(by_partition)},
    )


def _partitions(workspace: Workspace, name: str, metric: str, version: int) -> list[Partition]:
    """What the newest partitions say of ``metric``; those about another version than the champion are inconclusive."""
    from mlops_assets.monitoring.alerts.evidence import PARTITION_METRICS, Partition

    calendar = model_windows(workspace.catalogue.models[name], workspace.catalogue).calendar
    asset = f"{name}/{'drift' if metric in PARTITION_METRICS else 'performance'}"
    found = []
    for key in _newest(workspace, asset, calendar):
        manifest = workspace.store.current(asset, key)
        assert manifest is not None
        end = calendar.end_of(key) if calendar is not None and key is not None else workspace.now()
        facts = manifest.facts
        if metric in PARTITION_METRICS:
            status = facts["status"] if metric == "drift_score" else facts["score_status"]
            about, sure, detail = facts["version"], status != "inconclusive", "too few predictions"
            row: dict[str, Any] = {"value": facts[metric], "n": facts["n"]}
        else:
            share, least = facts["coverage"]["coverage"], workspace.catalogue.models[name].monitor.performance.min_coverage
            about, sure, detail = facts["measured"]["version"], share is not None and share >= least, facts["measured"]["detail"]
            rows = {row["metric"]: row for row in workspace.store.read(manifest).to_pylist()}
            row = rows.get(metric, {"value": None, "n": 0})
        if about != version:
            sure, detail = False, f"it is about version {about}, and version {version} serves"
        detail = "" if sure else detail
        found.append(Partition(key or "newest", end, row["value"], int(row["n"] or 0), row.get("low"), row.get("high"), sure, detail))
    return found


def _newest(workspace: Workspace, asset: str, calendar: Any) -> list[str | None]:
    if calendar is None:
        return [None] if workspace.store.current(asset, None) is not None else []
    keys = [key for key in workspace.store.partitions(asset) if key is not None and calendar.contains(key)]
    return list(sorted(keys, key=calendar.start_of)[-PARTITIONS:])


def _outcomes(workspace: Workspace, name: str, version: int) -> pa.Table | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    from mlops_assets.monitoring.columns import VERSION

    asset = f"{name}/outcomes"
    keys = _newest(workspace, asset, model_windows(workspace.catalogue.models[name], workspace.catalogue).calendar)
    table = concat([workspace.store.read(manifest) for manifest in workspace.store.window(asset, keys).values()]) if keys else None
    if table is None or VERSION not in table.column_names:
        return None
    return table.filter(pc.equal(table.column(VERSION), pa.scalar(version, pa.int64())))


def _act(
    workspace: Workspace,
    name: str,
    rule: Alert,
    found: Evaluation,
    intention: Intention,
    memory: dict[str, Any],
    on_rollback: Callable[[Event], None],
) -> str:
    """Carry out what an alert asks for, once; says what came of it."""
    incident = f"alert-{found.fingerprint}"
    try:
        if intention.action == "retrain":
            value, n = float(intention.numbers["value"]), int(intention.numbers["n"])
            memory["asks"].append(ask_of(found.title, workspace.now(), rule.metric, value, n))
            said = "the retraining policy is asked"
        elif intention.action == "rollback":
            said = _roll_back(workspace, name, found, intention, on_rollback)
        elif intention.action == "open_incident":
            said = _open(workspace, name, rule, found, incident)
        else:
            said = _close(workspace, name, found, incident)
    except MlopsError as refusal:
        return f"{intention.action} was refused: {refusal}"
    memory["done"].append(intention.key)
    return said


def _roll_back(workspace: Workspace, name: str, found: Evaluation, intention: Intention, on_rollback: Callable[[Event], None]) -> str:
    mark = f"alert {intention.key[:12]}"
    for event in workspace.ledger.events(name, environment=workspace.settings.environment, kinds=["rolled_back"]):
        if mark in event.body["reason"]:
            return f"version {event.version} was rolled back already"
    reason = f"{found.title}: {found.evidence.value:.4g} on {found.evidence.n} samples ({mark})"
    event = roll_back(workspace, name, workspace.actor, reason=reason)
    on_rollback(event)
    return f"version {event.version} was rolled back, version {event.body['restored']} serves"


def _open(workspace: Workspace, name: str, rule: Alert, found: Evaluation, incident: str) -> str:
    if incident in workspace.ledger.state(name).incidents:
        return f"incident {incident} is open"
    numbers = {"value": found.evidence.value, "n": found.evidence.n}
    body = {"incident": incident, "severity": rule.severity, "summary": found.text[:1900], "numbers": numbers}
    workspace.ledger.append("incident_opened", name, workspace.actor.name, body)
    return f"incident {incident} was opened"


def _close(workspace: Workspace, name: str, found: Evaluation, incident: str) -> str:
    if incident not in workspace.ledger.state(name).incidents:
        return f"incident {incident} is closed"
    workspace.ledger.append("incident_closed", name, workspace.actor.name, {"incident": incident, "resolution": found.text[:1900]})
    return f"incident {incident} was closed"


def _tell(workspace: Workspace, name: str, rule: Alert, found: Evaluation) -> tuple[list[str], list[str]]:
    """Channels that took the message, and in words those that did not; a dead channel is tried again at the next tick."""
    from mlops_assets.monitoring.alerts.channels import deliver
    from mlops_assets.monitoring.alerts.message import render

    if not found.notify:
        return [], []
    settings = workspace.settings
    links = {"Dagster": f"{settings.dagster_ui}/assets/{name}/performance", "MLflow": settings.mlflow_ui}
    message = render(rule, found, model=name, environment=settings.environment, links=links)
    sent = deliver(message, found.notify, settings.channels, attempts=ATTEMPTS, deadline=DEADLINE)
    failures = [f"{one.channel} was not told: {one.error}" for one in sent if not one.delivered]
    return [one.channel for one in sent if one.delivered], failures


@dataclass(frozen=True)
class RuleStanding:
    """One rule as it stands: what `mlops status` shows."""

    rule: str
    phase: str
    since: str | None
    value: float | None
    n: int


def standings(workspace: Workspace, name: str) -> list[RuleStanding]:
    """Every declared rule with the state that it was left in."""
    from mlops_assets.monitoring.alerts.rules import AlertState, fingerprint, title_of

    states = remembered(workspace, name)["rules"]
    found = []
    for rule in workspace.catalogue.models[name].monitor.alerts:
        state = AlertState.from_json(states.get(fingerprint(name, workspace.settings.environment, rule)))
        found.append(RuleStanding(title_of(rule), state.phase, state.since, state.value, state.n))
    return found
