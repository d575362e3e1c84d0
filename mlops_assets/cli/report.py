"""What a run came to: one document for programs, and the same as text, Markdown and JUnit XML."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from mlops_assets.errors import RED
from mlops_assets.lifecycle.places import START, places
from mlops_assets.lifecycle.pointers import pointed
from mlops_assets.modeling.gate_result import status_in_words

if TYPE_CHECKING:
    from mlops_assets.lifecycle.pointers import Stage
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.running.runner import Step

Report = dict[str, Any]
STAGES: tuple[Stage, ...] = ("model", "evaluation", "candidate")
MARKS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "not_applicable": "–", "off": "○"}


def build_report(workspace: Workspace, name: str, key: str | None, step: Step, failure: str | None) -> Report:
    """The document of `mlops run --json` for model ``name`` at partition ``key``: what this run made, and nothing of an earlier one.

    A run that only registered what was judged and waived before shows what it registered.

    Args:
        workspace: the project.
        name: the model.
        key: its partition; None where it is undated.
        step: the last Dagster run.
        failure: why there is no candidate, where a step says so.
    """
    from mlops_assets.plan.kinds import TRAINING_CHAIN

    made = {asset.removeprefix(f"{name}/") for asset in step.materialized}
    if "candidate" in made:
        made |= {*TRAINING_CHAIN}
    trained, judged, registered = ((pointed(workspace, name, stage, key) or {}) if stage in made else {} for stage in STAGES)
    if not judged:
        found = pointed(workspace, name, "evaluation", key) or {}
        judged = found if found.get("dagster_run_id") == step.dagster_run_id else {}
    verdict = workspace.store.get_record("verdicts", judged["verdict"]) if judged else None
    evaluation = workspace.store.get_record("evaluations", judged["evaluation"]) if judged else {}
    manifest = workspace.store.current(f"{name}/training_set", key) if "training_set" in made else None
    facts: Mapping[str, Any] = manifest.facts if manifest else {}
    version = registered.get("version") if failure is None else None
    red, here = _not_passed(verdict), places(workspace.settings)
    return {
        "schema": 1,
        "exit_code": 0 if version is not None else RED if red else step.exit_code,
        "model": name,
        "as_of": key,
        "environment": workspace.settings.environment,
        "version": version,
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
        "mlflow_url": here.mlflow_page(trained.get("mlflow_url")),
        "dagster_run_id": step.dagster_run_id,
        "dagster_url": here.dagster_run(step.dagster_run_id),
        "failure": None if version is not None else red or failure,
    }


def _not_passed(verdict: Mapping[str, Any] | None) -> str | None:
    """The gates that keep a model from being a candidate, in words; None where the verdict is not what does."""
    if verdict is None or verdict["status"] == "pass":
        return None
    left = [gate for gate in verdict["gates"] if gate["status"] in ("fail", "inconclusive")]
    words = {"fail": "red", "inconclusive": "inconclusive"}
    return "; ".join(f"{gate['name']} is {words[gate['status']]}" for gate in left)


def as_text(report: Report, width: int | None = None) -> str:
    """The report for a terminal of ``width`` columns; default: this one's, at most 120."""
    columns = width or min(shutil.get_terminal_size((100, 24)).columns, 120)
    at = f" as of {report['as_of']}" if report["as_of"] else ""
    lines = [f"{report['model']}{at} in {report['environment']}"]
    rows = report["rows"]
    if rows["training"] is not None:
        lines.append(f"  {rows['training']:,} rows to learn from, {rows['holdout']:,} to be judged on")
    if report["metrics"]:
        sure = {metric.get("confidence", 0.95) for metric in report["metrics"].values()}
        lines.append(f"  metrics on the holdout, with {max(sure):.0%} intervals")
    for name, metric in report["metrics"].items():
        lines.append(f"    {name:<18} {_interval(metric)}")
    if verdict := report["verdict"]:
        lines.append("  gates")
        for gate in verdict["gates"]:
            lines += _gate(gate, columns)
        lines.append(f"  verdict {verdict['status']} ({verdict['id'][:12]})")
    if report["version"] is not None:
        lines.append(f"  version {report['version']} is registered as a candidate")
    else:
        lines += _wrapped(f"no candidate{': ' + report['failure'] if report['failure'] else ''}", "  ", columns)
        lines += [line for hint in _hints(report) for line in _wrapped(hint, "  ", columns)]
    links = [f"  {title} {report[key]}" for title, key in (("MLflow", "mlflow_url"), ("Dagster", "dagster_url")) if report[key]]
    lines += links or [f"  {START}"]
    return "\n".join(lines)


def _hints(report: Report) -> Iterator[str]:
    """What a person can do about gates that did not pass."""
    if report["verdict"] is None or _not_passed(report["verdict"]) is None:
        return
    if any(gate["status"] == "inconclusive" for gate in report["verdict"]["gates"]):
        yield "Inconclusive means too few rows to say: give more rows, or declare a smaller confidence for that gate, which is shown."
    yield f"A named person may let a gate pass with a reason: mlops waive {report['model']} --gate NAME --reason WHY"


def as_markdown(report: Report) -> str:
    """The report as a CI job summary."""
    verdict = report["verdict"]
    status = verdict["status"] if verdict else "none"
    lines = [f"## {report['model']}{' ' + report['as_of'] if report['as_of'] else ''}: verdict {status}", ""]
    if report["version"] is not None:
        lines += [f"Version {report['version']} is registered as a candidate.", ""]
    if report["failure"]:
        lines += [f"> No candidate: {' '.join(report['failure'].split())}", ""]
    if verdict:
        lines += ["| gate | status | observed | required | interval | n |", "|---|---|---|---|---|---|"]
        for gate in verdict["gates"]:
            observed = "" if gate["observed"] is None else f"{gate['observed']:.4g}"
            inside = gate.get("interval")
            span = f"{inside[0]:.4g} … {inside[1]:.4g}" if inside and None not in inside else ""
            status = f"{MARKS[gate['status']]} {status_in_words(gate)}"
            lines.append(f"| {gate['name']} | {status} | {observed} | {gate['required']} | {span} | {gate['n']} |")
        lines.append("")
    if report["metrics"]:
        lines += ["| metric | value and interval | n |", "|---|---|---|"]
        lines += [f"| {name} | {_interval(metric, n=False)} | {metric['n']} |" for name, metric in report["metrics"].items()]
    return "\n".join(lines) + "\n"


def as_junit(report: Report) -> str:
    """The report as JUnit XML: a test case for each gate; fail and inconclusive are failures, not_applicable is skipped."""
    gates = report["verdict"]["gates"] if report["verdict"] else []
    failed = [gate for gate in gates if gate["status"] in ("fail", "inconclusive")]
    suite = ElementTree.Element("testsuite", name=f"mlops {report['model']}", tests=str(max(1, len(gates))))
    suite.set("failures", str(len(failed) if gates else 1))
    suite.set("skipped", str(sum(gate["status"] in ("not_applicable", "off") for gate in gates)))
    for gate in gates:
        case = ElementTree.SubElement(suite, "testcase", classname=f"{report['model']}.gates", name=gate["name"])
        if gate in failed:
            ElementTree.SubElement(case, "failure", message=f"{gate['status']}: {gate['detail']}", type=gate["status"])
        elif gate["status"] in ("not_applicable", "off"):
            ElementTree.SubElement(case, "skipped", message=gate["detail"] or gate["status"])
        elif gate.get("rule"):
            ElementTree.SubElement(case, "system-out").text = f"{status_in_words(gate)}: {gate['detail']}"
    if not gates:
        case = ElementTree.SubElement(suite, "testcase", classname=report["model"], name="verdict")
        ElementTree.SubElement(case, "failure", message=report["failure"] or "there is no verdict", type="none")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _interval(metric: Mapping[str, Any], *, n: bool = True) -> str:
    span = metric.get("interval")
    inside = f" [{span[0]:.4f}, {span[1]:.4f}]" if span and None not in span else ""
    value = "undefined" if metric["value"] is None else f"{metric['value']:.4f}"
    return f"{value}{inside}" + (f"  n={metric['n']:,}" if n else "")


def _gate(gate: Mapping[str, Any], columns: int) -> list[str]:
    """What a gate saw and wanted; and why, unless it passed."""
    observed = "" if gate["observed"] is None else f"{gate['observed']:.4g}"
    span = gate.get("interval")
    inside = f" [{span[0]:.4g}, {span[1]:.4g}]" if span and None not in span else ""
    lines = [f"    {MARKS.get(gate['status'], '?')} {gate['name']}: {status_in_words(gate)}"]
    if gate["status"] not in ("not_applicable", "off"):
        numbers = f"observed {observed}{inside}, n={gate['n']:,}; " if observed else ""
        lines += _wrapped(f"{numbers}required: {gate['required']}", "        ", columns)
    if (gate["status"] != "pass" or gate.get("rule")) and gate["detail"]:
        lines += _wrapped(gate["detail"], "        ", columns)
    return lines


def _wrapped(text: str, indent: str, columns: int) -> list[str]:
    return [
        line
        for paragraph in text.splitlines()
        for line in textwrap.wrap(
            paragraph, columns, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    ]
