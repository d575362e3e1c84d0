"""What `mlops status` shows of a model at work: drift, performance with its coverage, alerts, and what the next decision waits for."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def describe_watching(workspace: Workspace, name: str) -> dict[str, Any]:
    """Newest monitoring of ``name`` as plain JSON data; parts that are not there yet are null."""
    drift, performance = _newest(workspace, name, "drift"), _newest(workspace, name, "performance")
    return {
        "drift": _drift(*drift) if drift else None,
        "performance": _performance(*performance) if performance else None,
        "alerts": _alerts(workspace, name),
        "retraining": _retraining(workspace, name),
    }


def watching_text(found: dict[str, Any]) -> list[str]:
    """The same as lines for people."""
    lines = []
    if (drift := found["drift"]) is not None:
        columns = f"; {', '.join(drift['drifted'][:5])} left the reference" if drift["drifted"] else ""
        psi = "–" if drift["score_psi"] is None else f"{drift['score_psi']:.3g}"
        lines.append(f"  drift     {drift['status']} at {drift['window']}: score PSI {psi} on {drift['n']:,} predictions{columns}")
    if (seen := found["performance"]) is not None:
        covered = "no matured prediction" if seen["coverage"] is None else f"labels for {seen['coverage']:.0%} of matured predictions"
        lines.append(
            f"  measured  {seen['status']} at {seen['window']}: {_value(seen, seen['metric'])}; {covered}, {seen['waiting']:,} are waiting"
        )
        if (early := seen["estimated"]) is not None:
            lines.append(f"  estimated {_value(early, seen['metric'])} before labels")
    for alert in found["alerts"]:
        if alert["phase"] != "inactive":
            lines.append(f"  alert     {alert['rule']}: {alert['phase']} since {alert['since']}")
    if found["retraining"] is not None:
        lines.append(f"  retrain   {found['retraining']['text']}")
    return lines


def _newest(workspace: Workspace, name: str, kind: str) -> tuple[str | None, dict[str, Any]] | None:
    calendar, asset = model_windows(workspace.catalogue.models[name], workspace.catalogue).calendar, f"{name}/{kind}"
    keys = [key for key in workspace.store.partitions(asset) if key is not None and calendar is not None and calendar.contains(key)]
    newest = max(keys, key=calendar.start_of) if calendar is not None and keys else None
    manifest = workspace.store.current(asset, newest)
    return None if manifest is None else (newest, dict(manifest.facts))


def _drift(key: str | None, facts: dict[str, Any]) -> dict[str, Any]:
    kept = ("status", "version", "n", "score_psi", "score_status", "drift_score", "drifted")
    return {"window": key, **{part: facts[part] for part in kept}}


def _performance(key: str | None, facts: dict[str, Any]) -> dict[str, Any]:
    kept = ("status", "version", "value", "low", "high", "n", "gate", "drop", "detail")
    shown = {"window": key, "metric": facts["measured"].get("metric", facts["metric"]), **{part: facts["measured"][part] for part in kept}}
    shown |= {"coverage": facts["coverage"]["coverage"], "waiting": facts["coverage"]["waiting"], "estimated": None}
    if found := facts.get("estimated"):
        low, high = found["interval"] or (None, None)
        shown["estimated"] = {"value": found["value"], "low": low, "high": high, "n": found["n"], "gate": found["gate"]}
    return shown


def _alerts(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    from mlops_assets.lifecycle.watching.alerting import standings

    return [asdict(standing) for standing in standings(workspace, name)]


def _retraining(workspace: Workspace, name: str) -> dict[str, Any] | None:
    """What the policy would say now, on the records that there are. Runs are not looked at: a request counts by its event."""
    from mlops_assets.lifecycle.watching.history import history_of
    from mlops_assets.retraining.policy import decide

    policy = workspace.catalogue.models[name].retrain
    if policy is None:
        return None
    decision = decide(policy, history_of(workspace, name, workspace.ledger.state(name)), workspace.now())
    return {**decision.to_json(), "text": decision.text}


def _value(found: dict[str, Any], metric: str) -> str:
    if found["value"] is None:
        return f"no {metric}"
    span = "" if found["low"] is None else f" [{found['low']:.4f}, {found['high']:.4f}]"
    gate = "" if found["gate"] is None else f", {found['gate']:.4f} at the gate"
    return f"{metric} {found['value']:.4f}{span}{gate}, n={found['n']:,}"
