"""The dossier of a version as text."""

from __future__ import annotations

from typing import Any

from mlops_assets.lifecycle.places import START

NOT_DECLARED = "not declared"
_PURPOSE = {"description": "description", "intended_use": "intended use", "owner": "owner", "risk": "risk class", "task": "task"}


def as_text(dossier: dict[str, Any]) -> str:
    """The dossier for a terminal; ``--json`` has all of it."""
    head = f"{dossier['model']} {dossier['version']} in {dossier['environment']}: {dossier['state']} since {_time(dossier['since'])}"
    if pruned := dossier["pruned"]:
        head += f"\nIts bundle was removed for good at {_time(pruned['at'])} by {pruned['by']}, event {pruned['event']}: {pruned['reason']}"
    parts = [_purpose, _training, _digests, _metrics, _verdict, _decisions, _changes, _served, _incidents, _where]
    return "\n".join([head, *(line for part in parts for line in part(dossier))])


def _time(text: str | None) -> str:
    return f"{text[:19]}Z" if text else "now"


def _section(title: str, rows: list[str]) -> list[str]:
    return ["", title, *(f"  {row}" for row in rows or ["none"])]


def _purpose(dossier: dict[str, Any]) -> list[str]:
    found = dossier["purpose"]
    if not dossier["definition_kept"]:
        return _section("Purpose", ["the definition that it was trained by is not in this store"])
    return _section("Purpose", [f"{title:<13} {found[part] or NOT_DECLARED}" for part, title in _PURPOSE.items()])


def _training(dossier: dict[str, Any]) -> list[str]:
    found = dossier["training"]
    rows, times = found["rows"], found["as_of_times"]
    shown = {
        "as of": found["as_of"] or "undated",
        "rows": f"{rows['train']:,} to learn from, {rows['holdout']:,} to be judged on" if rows else "not recorded here",
        "times": f"{times['first'][:10]} to {times['last'][:10]}" if times.get("first") else None,
        "target": found["target"],
        "horizon": found["horizon"],
        "features": ", ".join(found["features"]) or None,
        "sample": f"{found['sample']:.0%} of the entities",
        "seed": found["seed"],
        "code": found["code_version"],
        "libraries": ", ".join(f"{name} {version}" for name, version in sorted((found["libraries"] or {}).items())) or None,
        "data": f"{len(found['data'])} recorded versions" if found["data"] is not None else None,
    }
    return _section("Training", [f"{title:<13} {value}" for title, value in shown.items() if value is not None])


def _digests(dossier: dict[str, Any]) -> list[str]:
    return _section("Digests", [f"{name:<13} {digest}" for name, digest in sorted(dossier["digests"].items()) if digest])


def _metrics(dossier: dict[str, Any]) -> list[str]:
    rows = []
    for name, metric in dossier["metrics"].items():
        rows.append(f"{name:<18} {_measured(metric)}  n={metric['n']:,}")
    slices, main = [], dossier["main_metric"]
    for column, values in dossier["slices"].items():
        for value, part in values.items():
            measured = (part.get("metrics") or {}).get(main)
            shown = f"{main} {_measured(measured)}" if measured else f"{main} not measured"
            slices.append(f"{f'{column} = {value}':<26} {shown}  n={part['n']:,}")
    return [*_section("Metrics on the holdout", rows), *(_section("Slices", slices) if slices else [])]


def _measured(metric: dict[str, Any]) -> str:
    value = "undefined" if metric["value"] is None else f"{metric['value']:.4f}"
    return value + _span(metric.get("interval"))


def _span(interval: list[float | None] | None) -> str:
    return f" [{interval[0]:.4g}, {interval[1]:.4g}]" if interval and None not in interval else ""


def _verdict(dossier: dict[str, Any]) -> list[str]:
    verdict = dossier["verdict"]
    rows = [f"{verdict['id']}: {verdict['status']}, given in {verdict['environment']} at {_time(verdict['at'])}, event {verdict['event']}"]
    for gate in verdict["gates"]:
        observed = "" if gate.get("observed") is None else f" observed {gate['observed']:.4g}{_span(gate.get('interval'))},"
        waived = "  WAIVED" if gate["waived"] else ""
        n = f" (n={gate['n']:,})" if gate.get("n") else ""
        rows.append(f"{gate['status']:<14} {gate['name']}:{observed} required {gate.get('required') or '—'}{n}{waived}")
    earlier = [one for one in dossier["verdicts"] if one["id"] != verdict["id"]]
    rows += [f"another verdict on this bundle: {one['status']} at {_time(one['at'])}, event {one['event']}" for one in earlier]
    return _section("Verdict", rows)


def _decisions(dossier: dict[str, Any]) -> list[str]:
    waivers = [
        f"{one['by']} waived {', '.join(one['gates'])} at {_time(one['at'])}, event {one['event']}: {one['reason']}"
        for one in dossier["waivers"]
    ]
    approvals = []
    for one in dossier["approvals"]["given"]:
        said = f": {one['comment']}" if one["comment"] else ""
        approvals.append(f"{one['by']} at {_time(one['at'])}, event {one['event']}{said}")
        approvals.append(f"  approved bundle {one['digests']['bundle']}")
        approvals.append(f"  on verdict      {one['verdict']}")
    title = f"Approvals ({dossier['environment']} asks for {dossier['approvals']['needed']})"
    return [*_section("Waivers", waivers), *_section(title, approvals)]


def _changes(dossier: dict[str, Any]) -> list[str]:
    rows = [f"{change['from'] or 'new':<11} -> {change['to']:<11} {change['cause'].strip()}" for change in dossier["changes"]]
    return _section("Every change of state and its cause", rows)


def _served(dossier: dict[str, Any]) -> list[str]:
    return _section("Served as champion", [f"{_time(one['from'])} to {_time(one['until'])}" for one in dossier["served"]])


def _incidents(dossier: dict[str, Any]) -> list[str]:
    rows = []
    for one in dossier["incidents"]:
        end = f"closed {_time(one['closed'])}: {one['resolution']}" if one["closed"] else "open"
        rows.append(f"{one['incident']} ({one['severity']}) {_time(one['opened'])}: {one['summary']}; {end}")
    return _section("Incidents while it served", rows)


def _where(dossier: dict[str, Any]) -> list[str]:
    source, ledger = dossier["came_from"], dossier["ledger"]
    rows = [f"{title:<20} {url}" for title, url in dossier["links"].items()] or [f"MLflow does not run: {START}"]
    if source:
        rows.append(f"{'came from':<20} {source['environment']} version {source['version']}, registration {source['hash']}")
    vouched = f"{ledger['events']} events, the first {ledger['proven']} vouched for by signed checkpoints"
    rows.append(f"{'ledger':<20} {ledger['status']}: {vouched}; head {ledger['head']}")
    rows += [f"{'':<20} {problem['kind']}: {problem['detail']}" for problem in ledger["problems"]]
    return _section("Where to look", rows)
