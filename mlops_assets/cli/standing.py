"""What `mlops status` shows of one model, as data and as text."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlops_assets.cli.watching import describe_watching, watching_text
from mlops_assets.errors import MlopsError
from mlops_assets.ledger.approvals import standing
from mlops_assets.ledger.events import minute
from mlops_assets.ledger.state import DeploymentState, Version
from mlops_assets.lifecycle.asking import example_request
from mlops_assets.lifecycle.decisions import approvals_known
from mlops_assets.lifecycle.places import START, Places

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def describe(
    workspace: Workspace, name: str, here: Places | None = None, *, looked: dict[str, dict[str, Any] | None] | None = None
) -> dict[str, Any]:
    """Everything that is true of a model in the workspace's environment, as plain JSON data.

    Args:
        here: where the services are; with it also their links and a request for the champion.
        looked: what is known of the sources of data sets already, for several models that read the same; it is added to.
    """
    example = example_request(workspace, name) if here is not None else None
    state = workspace.ledger.state(name)
    needed = approvals_known(workspace, name)
    verdict = state.verdicts.get(state.last_verdict or "")
    wrong = workspace.definitions.errors_of(name) if name in workspace.definitions.kinds else []
    return {
        "model": name,
        "environment": state.environment,
        "definition": {
            "declared": name in workspace.definitions.kinds,
            "errors": [problem.to_json(workspace.settings.project) for problem in wrong],
        },
        "champion": state.champion,
        "challenger": state.challenger,
        "traffic": {str(number): share for number, share in sorted(state.traffic.items())},
        "versions": [_version(workspace, state, version, needed) for _, version in sorted(state.versions.items())],
        "last_verdict": _verdict(state, verdict) if verdict else None,
        "history": [{"version": one.version, "from": one.since, "until": one.until} for one in state.intervals],
        "rollout": asdict(state.rollout) if state.rollout else None,
        "incidents": [asdict(incident) for _, incident in sorted(state.incidents.items())],
        "drift": dict(state.last_drift) if state.last_drift else None,
        "monitoring": describe_watching(workspace, name) if name in workspace.catalogue.models and state.versions else None,
        "mlflow": _mlflow(workspace, name, state),
        "sources": _sources(workspace, name, {} if looked is None else looked),
        **({"links": _links(here, name, state), "example": asdict(example) if example else None} if here is not None else {}),
        "next": what_next(workspace, state, needed) if not wrong else "`mlops check` shows what is wrong with its definition",
    }


def _verdict(state: DeploymentState, verdict: Any) -> dict[str, Any]:
    kept = {"id": verdict.id, "status": verdict.status, "at": verdict.at, "as_of": verdict.as_of}
    return {**kept, "gates": [dict(gate) for gate in verdict.gates], "waived": sorted(state.waived(verdict.id))}


def _version(workspace: Workspace, state: DeploymentState, version: Version, needed: int) -> dict[str, Any]:
    verdict = state.verdicts.get(version.verdict)
    stand = standing(version, needed, workspace.ledger.now())
    waivers = [waiver for waiver in state.waivers if waiver.verdict == version.verdict]
    return {
        "version": version.number,
        "state": version.state,
        "since": version.since,
        "as_of": version.as_of,
        "sample": version.sample,
        "digests": dict(version.digests),
        "verdict": {"id": version.verdict, "status": verdict.status if verdict else None},
        "waivers": [{"by": one.by, "at": one.at, "gates": list(one.gates), "reason": one.reason} for one in waivers],
        "approvals": {
            "needed": needed,
            "given": [{"by": one.by, "at": one.at, "comment": one.comment} for one in stand.approvals],
            "went_live_with": [{"by": one.by, "at": one.at, "comment": one.comment} for one in version.accepted],
            "requested_by": stand.request.by if stand.request else None,
            "expires": stand.request.expires if stand.request else None,
            "lapsed": stand.lapsed,
        },
        "registered": {"by": version.registered_by, "at": version.registered_at, "from": dict(version.source) if version.source else None},
    }


def _links(here: Places, name: str, state: DeploymentState) -> dict[str, str]:
    """Pages about the model in the services that run."""
    shown = state.champion or max(state.versions, default=None)
    found = {
        "MLflow": here.mlflow_version(name, shown) if shown is not None else here.mlflow,
        "Dagster": f"{here.dagster}/assets/{name}" if here.dagster else None,
        "predictions": here.predictions,
    }
    return {title: url for title, url in found.items() if url is not None}


def _mlflow(workspace: Workspace, name: str, state: DeploymentState) -> dict[str, Any]:
    """Aliases as MLflow has them, and whether they are what the ledger says; ``agrees`` is None where MLflow does not answer."""
    if not state.versions:
        return {"aliases": {}, "agrees": None, "problem": None}
    from mlops_assets.registry.following import aliases

    try:
        found = workspace.registry.aliases(name)
    except MlopsError as error:
        return {"aliases": None, "agrees": None, "problem": str(error)}
    wanted = aliases(workspace.ledger.fold(), name)
    wrong = [
        f"{alias}: MLflow says {found.get(alias) or 'nothing'}, the ledger says {version or 'nothing'}"
        for alias, version in sorted(wanted.items())
        if found.get(alias) != version
    ]
    problem = f"{'; '.join(wrong)}. `mlops registry sync` repairs it." if wrong else None
    return {"aliases": found, "agrees": not wrong, "problem": problem}


def _sources(workspace: Workspace, name: str, looked: dict[str, dict[str, Any] | None]) -> list[dict[str, Any]]:
    """Data sets whose source is no longer what was read of them, or may not be; only what can be seen quickly."""
    from mlops_assets.lifecycle.corrected import QUICK_BYTES, look_at_source
    from mlops_assets.spec.reads import uses

    catalogue = workspace.catalogue
    datasets = [one for one in uses(name, catalogue) if one in catalogue.datasets] if name in catalogue.models else []
    for dataset in datasets:
        if dataset not in looked:
            found = look_at_source(workspace, dataset, [None, *workspace.store.partitions(dataset)], QUICK_BYTES)
            looked[dataset] = found.to_json() if found is not None and found.text is not None else None
    return [said for dataset in datasets if (said := looked[dataset]) is not None]


def what_next(workspace: Workspace, state: DeploymentState, needed: int) -> str:
    """What would come next for this model, in words."""
    waiting = [version for _, version in sorted(state.versions.items(), reverse=True) if version.state in ("candidate", "approved")]
    if state.challenger is not None:
        return f"version {state.challenger} is in its rollout"
    if not waiting:
        return _next_candidate(state)
    stand = standing(waiting[0], needed, workspace.ledger.now())
    if stand.enough:
        return f"`mlops promote {state.model} {waiting[0].number}` makes version {waiting[0].number} champion"
    if stand.request is None:
        return f"version {waiting[0].number} has {stand}; `mlops promote {state.model} {waiting[0].number}` asks for them"
    return (
        f"version {waiting[0].number} has {stand}; `mlops approve {state.model} {waiting[0].number}` until {minute(stand.request.expires)}"
    )


def _next_candidate(state: DeploymentState) -> str:
    """What would come next where no version waits."""
    newest = state.verdicts.get(state.last_verdict or "")
    if newest is None or state.version_of(str(newest.digests["bundle"])) is not None:
        return "nothing waits" if state.champion else f"`mlops run {state.model}` makes a candidate"
    as_of = f" --as-of {newest.as_of}" if newest.as_of else ""
    if state.allows(newest):
        return f"`mlops run {state.model}{as_of}` registers what was judged and waived"
    return f"the newest model did not pass: train another one, or waive its gates by name (`mlops waive {state.model}`)"


def _not_passed(verdict: dict[str, Any]) -> str:
    """What kept the verdict from being a pass, and which of it was waived."""
    wrong = [gate for gate in verdict["gates"] if gate["status"] in ("fail", "inconclusive")]
    shown = [f"{gate['name']} {gate['status']}{' (waived)' if gate['name'] in verdict['waived'] else ''}" for gate in wrong]
    return f": {', '.join(shown)}" if shown else ""


def as_text(document: dict[str, Any]) -> str:
    """The document for people."""
    traffic = ", ".join(f"version {number} {share:.0%}" for number, share in document["traffic"].items())
    champion = f"champion {document['champion']}" if document["champion"] else "no champion"
    lines = [f"{document['model']} in {document['environment']}: {champion}"]
    if traffic:
        lines.append(f"  traffic   {traffic}")
    for version in document["versions"]:
        approvals = version["approvals"]
        given = [one["by"] for one in approvals["given"] or approvals["went_live_with"]]
        parts = [f"verdict {version['verdict']['status']}"]
        if version["as_of"]:
            parts.append(f"as of {version['as_of']}")
        if version["sample"] < 1:
            parts.append(f"sample {version['sample']:.0%}")
        if given:
            parts.append(f"approved by {', '.join(given)}")
        parts += [f"{', '.join(one['gates'])} WAIVED by {one['by']}: {one['reason']}" for one in version["waivers"]]
        lines.append(f"  version {version['version']:<4} {version['state']:<12} since {version['since'][:19]}Z  {'; '.join(parts)}")
    if document["last_verdict"]:
        verdict = document["last_verdict"]
        lines.append(f"  verdict   {verdict['status']} ({verdict['id'][:12]}) at {verdict['at'][:19]}Z{_not_passed(verdict)}")
    if wrong := document["definition"]["errors"]:
        first = f"{wrong[0]['file']}:{wrong[0]['line']}"
        many = "1 error" if len(wrong) == 1 else f"{len(wrong)} errors"
        lines.append(f"  definition {many}, the first at {first}: nothing of it runs until that is mended")
    lines += [f"  incident  {one['id']} {one['severity']}: {one['summary']}" for one in document["incidents"]]
    for one in document["history"]:
        lines.append(f"  history   version {one['version']:<4} {one['from'][:19]}Z to {one['until'][:19] + 'Z' if one['until'] else 'now'}")
    if document["monitoring"] is not None:
        lines += watching_text(document["monitoring"])
    lines += [f"  source    {one['text']}" for one in document["sources"]]
    mlflow = document["mlflow"]
    if mlflow["problem"]:
        lines.append(f"  mlflow    {mlflow['problem']}")
    elif mlflow["agrees"]:
        lines.append("  mlflow    aliases agree")
    return "\n".join([*lines, f"  next      {document['next']}", *_where(document)])


def _where(document: dict[str, Any]) -> list[str]:
    """Where to look, and how to ask the champion."""
    if "links" not in document:
        return []
    lines = [f"  {title.lower():<9} {url}" for title, url in document["links"].items()] or [f"  services  none runs: {START}"]
    if (example := document["example"]) is not None:
        what = "an entity that it was judged on" if example["by_entity"] else "a row that it was judged on"
        once = "" if example["runs"] else ", once `mlops serve` runs"
        key = "; KEY is that of a caller" if "$KEY" in example["command"] else ""
        lines += [f"  ask       with {what}{once}{key}:", example["command"]]
    return lines
