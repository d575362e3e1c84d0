"""What a run came to: one document for programs, and the same as text, Markdown and JUnit XML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from mlops_assets.components.pointers import pointed

if TYPE_CHECKING:
    from mlops_assets.components.workspace import Workspace

Report = dict[str, Any]
MARKS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "not_applicable": "–", "off": "○"}


def build_report(workspace: Workspace, name: str, key: str | None, dagster_run_id: str | None, failure: str | None) -> Report:
    """The document of `mlops run --json` for model ``name`` at partition ``key``."""
    trained = pointed(workspace, name, "model", key) or {}
    judged = pointed(workspace, name, "evaluation", key) or {}
    registered = pointed(workspace, name, "candidate", key) or {}
    current = bool(judged) and judged.get("bundle") == trained.get("bundle")
    verdict = workspace.store.get_record("verdicts", judged["verdict"]) if current else None
    evaluation = workspace.store.get_record("evaluations", judged["evaluation"]) if current else {}
    manifest = workspace.store.current(f"{name}/training_set", key)
    facts: Mapping[str, Any] = manifest.facts if manifest else {}
    is_registered = current and registered.get("bundle") == trained.get("bundle") and registered.get("verdict") == judged.get("verdict")
    return {
        "schema": 1,
        "model": name,
        "as_of": key,
        "environment": workspace.settings.environment,
        "version": registered.get("version") if is_registered else None,
        "verdict": verdict,
        "metrics": evaluation.get("metrics", {}),
        "digests": {
            "bundle": trained.get("bundle"),
            "trees": trained.get("trees"),
            "data": manifest.digest if manifest else None,
            "spec": trained.get("spec"),
        },
        "data_versions": dict(manifest.inputs) if manifest else {},
        "rows": {"training": facts.get("rows", {}).get("train"), "holdout": facts.get("rows", {}).get("holdout")},
        "mlflow_run_id": trained.get("mlflow_run_id"),
        "mlflow_url": trained.get("mlflow_url"),
        "dagster_run_id": dagster_run_id,
        "failure": failure,
    }


def as_text(report: Report) -> str:
    """The report for a terminal."""
    at = f" as of {report['as_of']}" if report["as_of"] else ""
    lines = [f"{report['model']}{at} in {report['environment']}"]
    rows = report["rows"]
    if rows["training"] is not None:
        lines.append(f"  {rows['training']:,} to learn from, {rows['holdout']:,} to be judged on")
    if report["metrics"]:
        lines.append("  metrics on the holdout, with 95 % intervals")
    for name, metric in report["metrics"].items():
        lines.append(f"    {name:<18} {_interval(metric)}")
    if verdict := report["verdict"]:
        lines.append("  gates")
        for gate in verdict["gates"]:
            lines += [f"    {line}" for line in _gate(gate)]
        lines.append(f"  verdict {verdict['status']} ({verdict['id'][:12]})")
    if report["version"] is not None:
        lines.append(f"  version {report['version']} is registered as a candidate")
    else:
        lines.append(f"  no candidate{': ' + report['failure'] if report['failure'] else ''}")
    if report["mlflow_url"]:
        lines.append(f"  MLflow {report['mlflow_url']}")
    return "\n".join(lines)


def as_markdown(report: Report) -> str:
    """The report as a CI job summary."""
    verdict = report["verdict"]
    status = verdict["status"] if verdict else "none"
    lines = [f"## {report['model']} {report['as_of'] or ''}: verdict {status}".replace("  ", " "), ""]
    if report["failure"]:
        lines += [f"> {report['failure']}", ""]
    if verdict:
        lines += ["| gate | status | observed | required | interval | n |", "|---|---|---|---|---|---|"]
        for gate in verdict["gates"]:
            observed = "" if gate["observed"] is None else f"{gate['observed']:.4g}"
            span = " … ".join(f"{v:.4g}" for v in gate["interval"]) if gate.get("interval") else ""
            lines.append(f"| {gate['name']} | {gate['status']} | {observed} | {gate['required']} | {span} | {gate['n']} |")
        lines.append("")
    if report["metrics"]:
        lines += ["| metric | value and interval | n |", "|---|---|---|"]
        lines += [f"| {name} | {_interval(metric)} | {metric['n']} |" for name, metric in report["metrics"].items()]
    return "\n".join(lines) + "\n"


def as_junit(report: Report) -> str:
    """The report as JUnit XML: a test case for each gate; fail and inconclusive are failures, not_applicable is skipped."""
    gates = report["verdict"]["gates"] if report["verdict"] else []
    failed = [gate for gate in gates if gate["status"] in ("fail", "inconclusive")]
    suite = ElementTree.Element("testsuite", name=f"mlops {report['model']}", tests=str(max(1, len(gates))))
    suite.set("failures", str(len(failed) if gates else 1))
    for gate in gates:
        case = ElementTree.SubElement(suite, "testcase", classname=f"{report['model']}.gates", name=gate["name"])
        if gate in failed:
            ElementTree.SubElement(case, "failure", message=f"{gate['status']}: {gate['detail']}", type=gate["status"])
        elif gate["status"] in ("not_applicable", "off"):
            ElementTree.SubElement(case, "skipped", message=gate["detail"] or gate["status"])
    if not gates:
        case = ElementTree.SubElement(suite, "testcase", classname=report["model"], name="verdict")
        ElementTree.SubElement(case, "failure", message=report["failure"] or "there is no verdict", type="none")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _interval(metric: Mapping[str, Any]) -> str:
    span = metric.get("interval")
    inside = f" [{span[0]:.4f}, {span[1]:.4f}]" if span and None not in span else ""
    value = "undefined" if metric["value"] is None else f"{metric['value']:.4f}"
    return f"{value}{inside}  n={metric['n']:,}"


def _gate(gate: Mapping[str, Any]) -> list[str]:
    """What a gate saw and wanted, on one line; and why, on a second one, unless it passed."""
    observed = "" if gate["observed"] is None else f"{gate['observed']:.4g}"
    span = gate.get("interval")
    inside = f" [{span[0]:.4g}, {span[1]:.4g}]" if span and None not in span else ""
    lines = [f"{MARKS.get(gate['status'], '?')} {gate['name']}: {gate['status'].replace('_', ' ')}"]
    lines.append(f"    observed {observed}{inside}, " if observed else "    ")
    lines[-1] += f"required {gate['required']}; n={gate['n']:,}"
    if gate["status"] not in ("pass", "not_applicable") and gate["detail"]:
        lines.append(f"    {gate['detail']}")
    return lines
