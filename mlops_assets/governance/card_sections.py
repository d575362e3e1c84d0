"""Sections of the model card, each a function from the records to Markdown; an empty text leaves the section out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlops_assets.governance.card_markdown import NOT_DECLARED, declared, digest, facts, interval, number, paragraphs, status, table, text
from mlops_assets.governance.card_records import CardRecords
from mlops_assets.ledger.words import NOT_PASSED
from mlops_assets.spec.tasks import CLASSIFICATION

SHOWN_FEATURES = 20
SHOWN_INPUTS = 40


def summary(records: CardRecords) -> str:
    """What it is, who answers for it and where it stands."""
    spec, provenance = records.spec, records.provenance
    described = paragraphs(spec["description"]) if spec.get("description") else f"Description: {NOT_DECLARED}"
    rows = {
        "Verdict": status(records.verdict.get("status", "missing")),
        "State": text(records.state) if records.state else "not registered",
        "Owner": declared(spec.get("owner")),
        "Risk class": declared(spec.get("risk")),
        "Task": text(spec["task"].replace("_", " ")),
        "As of": text(provenance["as_of"]) if provenance.get("as_of") else "undated",
        "Environment": text(provenance.get("environment", "")),
        "Learned from": _sample(provenance.get("sample", 1.0)),
    }
    rows |= {title: f"[{text(url)}]({url})" for title, url in records.links.items()}
    return f"{described}\n\n{facts(rows)}"


def intended_use(records: CardRecords) -> str:
    """What it is for and what it is not for."""
    declaration = records.spec.get("intended_use")
    return "## Intended use\n\n" + (paragraphs(declaration) if declaration else NOT_DECLARED)


def limits(records: CardRecords) -> str:
    """What a reader must know before relying on it, as far as the records show it."""
    found = []
    sample = records.provenance.get("sample", 1.0)
    if sample < 1:
        found.append(f"It learned from a sample of {number(sample * 100)} % of the data and must not leave the dev environment.")
    sources = records.facts.get("snapshot_sources") or []
    if sources:
        names = ", ".join(text(source) for source in sources)
        found.append(f"These sources have no history, so their rows may hold what was not known at the as-of time: {names}.")
    waived = [gate for decision in records.decisions if decision["kind"] == "waived" for gate in decision.get("gates", ())]
    for gate in records.verdict.get("gates", ()):
        if gate["status"] in NOT_PASSED:
            note = " A person waived it; see Decisions." if gate["name"] in waived else ""
            found.append(f"Gate {text(gate['name'])} is {status(gate['status'])}: {text(gate['detail'] or gate['required'])}{note}")
        elif gate.get("rule"):
            found.append(f"Gate {text(gate['name'])} is passed only {text(gate['rule'])}: {text(gate['detail'])}")
        elif gate["status"] == "off":
            found.append(f"Gate {text(gate['name'])} is {status('off')}: {declared(gate['detail'])}")
    if not records.evaluation.get("slices"):
        found.append("No slices were declared, so how it does on parts of the population was not measured.")
    return "## Limits\n\n" + ("\n".join(f"- {line}" for line in found) if found else "None that the records show.")


def metrics(records: CardRecords) -> str:
    """Metrics on the holdout, beside the naive model and the champion on the same rows."""
    evaluation = records.evaluation
    found = evaluation.get("metrics", {})
    others = {"naive model": evaluation.get("naive"), "champion": evaluation.get("champion")}
    compared = {name: other["metrics"] for name, other in others.items() if other and other.get("metrics")}
    headers = ["metric", "value", "interval", "n", "effective n", *compared]
    rows = [
        [
            f"**{text(name)}**" if name == evaluation.get("main_metric") else text(name),
            number(metric["value"]),
            interval(metric.get("interval")),
            number(metric.get("n")),
            number(_rounded(metric.get("n_effective"))),
            *(number(other.get(name, {}).get("value")) for other in compared.values()),
        ]
        for name, metric in found.items()
    ]
    return f"## Metrics on the holdout\n\n{_how(records)}\n\n{table(headers, rows, right=range(1, len(headers)))}"


def gates(records: CardRecords) -> str:
    """Every gate with what it saw and what it asks for."""
    rows = [
        [
            text(gate["name"]),
            status(gate["status"]) + (f", {text(gate['rule'])}" if gate.get("rule") else ""),
            number(gate.get("observed")),
            text(gate["required"]),
            interval(gate.get("interval")),
            number(gate.get("n")),
        ]
        for gate in records.verdict.get("gates", ())
    ]
    headers = ["gate", "status", "observed", "required", "interval", "n"]
    said = f"Verdict {digest(records.verdict.get('id'))}: {status(records.verdict.get('status', 'missing'))}"
    seen = [f"- **{text(gate['name'])}**: {text(gate['detail'])}" for gate in records.verdict.get("gates", ()) if gate.get("detail")]
    told = "\n\nWhat each gate saw:\n\n" + "\n".join(seen) if seen else ""
    return f"## Gates\n\n{said}\n\n{table(headers, rows, right=(2, 4, 5))}{told}"


def slices(records: CardRecords) -> str:
    """The main metric on each slice that a gate names."""
    main = records.evaluation.get("main_metric", "")
    rows = [
        [
            text(column),
            text(value),
            number(part["n"]),
            number(part.get("metrics", {}).get(main, {}).get("value")),
            interval(part.get("metrics", {}).get(main, {}).get("interval")),
            _outcome(part.get("outcomes") or {}),
        ]
        for column, values in records.evaluation.get("slices", {}).items()
        for value, part in values.items()
    ]
    if not rows:
        return ""
    return "## Slices\n\n" + table(["column", "value", "n", text(main), "interval", "outcome"], rows, right=(2, 3, 4, 5))


def calibration(records: CardRecords) -> str:
    """How well probabilities match what happened, and which classes are taken for which."""
    found, confusion = records.evaluation.get("calibration"), records.evaluation.get("confusion")
    parts = []
    if found:
        error = found["error"]
        parts.append(
            f"Calibration error {number(error['value'])} (interval {interval(error.get('interval'))}), of the {text(found['of'])}."
        )
    if confusion:
        at = f" at threshold {number(confusion['threshold'])}" if confusion.get("threshold") else ""
        rows = [
            [f"**{text(label)}**", *(number(cell) for cell in cells)]
            for label, cells in zip(confusion["labels"], confusion["matrix"], strict=True)
        ]
        headers = ["happened \\ predicted", *(text(label) for label in confusion["labels"])]
        parts.append(f"Confusion on the holdout{at}:\n\n" + table(headers, rows, right=range(1, len(headers))))
    return "## Calibration and confusion\n\n" + "\n\n".join(parts) if parts else ""


def data(records: CardRecords) -> str:
    """Rows, times, outcomes and features of the training set."""
    found, spec = records.facts, records.spec
    rows, as_of = found.get("rows", {}), found.get("as_of", {})
    shown = {
        "Rows": f"{number(rows.get('train'))} for training, {number(rows.get('holdout'))} in the holdout, "
        f"{number(rows.get('embargoed', 0))} in the embargo between them",
        "As-of times": f"{text(_moment(as_of['first']))} to {text(_moment(as_of['last']))}" if as_of.get("first") else "undated",
        "Target": text(found.get("target", "")),
        "Label horizon": text(found["horizon"]) if found.get("horizon") else "none",
        "Outcome": ", ".join(f"{_rate(rate)} in {side}" for side, rate in (found.get("base_rate") or {}).items()) or "—",
        "Entity": ", ".join(map(text, found.get("entity", ()))) or "the row itself",
        "Population": text(spec["population"]) if spec.get("population") else "every entity or row that the data holds",
        "Left out": ", ".join(f"{text(reason)}: {number(n)}" for reason, n in (found.get("dropped") or {}).items()) or "no rows",
    }
    share = dict(records.evaluation.get("importance", ()))
    features = sorted(found.get("features", ()), key=lambda feature: -share.get(feature["name"], 0.0))
    listed = [[text(f["name"]), text(f["type"]), _percent(share.get(f["name"]))] for f in features[:SHOWN_FEATURES]]
    more = len(features) - len(listed)
    note = f"\n\n… and {more} more features of less importance." if more > 0 else ""
    return f"## Data\n\n{facts(shown)}\n\n" + table(["feature", "type", "share of importance"], listed, right=(2,)) + note


def training(records: CardRecords) -> str:
    """Estimator, parameters and how the rows were split and weighed."""
    declared_training = records.spec.get("training", {})
    estimator = {kind: value for kind, value in declared_training.get("estimator", {}).items() if value is not None}
    kind = next(iter(estimator), "lightgbm")
    shown = {
        "Estimator": text(kind),
        "Parameters declared": _parameters(estimator.get(kind)),
        "Window": declared(declared_training.get("window")),
        "Holdout": declared(declared_training.get("holdout")),
        "Weights": declared(_words(declared_training.get("weights"))),
        **({"Calibration": text(records.calibrated or "no map")} if records.spec["task"] in CLASSIFICATION else {}),
        "Groups kept together": ", ".join(map(text, declared_training.get("group_by") or ())) or "none",
        "Search": _search(declared_training.get("tune")),
        "Seed": number(declared_training.get("seed")),
    }
    return f"## Training\n\n{facts(shown)}"


def decisions(records: CardRecords) -> str:
    """Approvals, rejections and waivers, each by a named person."""
    rows = [
        [
            text(decision["kind"]),
            text(decision["by"]),
            text(decision.get("at", "")),
            ", ".join(map(text, decision.get("gates", ()))) or "—",
            text(decision.get("comment") or decision.get("reason") or ""),
        ]
        for decision in records.decisions
    ]
    return "## Decisions\n\n" + (table(["what", "by", "at (UTC)", "gates", "in their words"], rows) if rows else "None yet.")


def provenance(records: CardRecords) -> str:
    """What it takes to build the same model again."""
    found, digests = records.provenance, records.verdict.get("digests", {})
    shown = {
        "Bundle": digest(digests.get("bundle")),
        "Trees": digest(digests.get("trees")),
        "Training set": digest(found.get("training_set")),
        "Declaration": digest(found.get("spec_digest")),
        "Code version": digest(found.get("code_version")),
        "Libraries": ", ".join(f"{text(name)} {text(version)}" for name, version in sorted(found.get("libraries", {}).items())) or "—",
    }
    inputs = sorted(found.get("data", {}).items())
    listed = table(["input", "version"], [[text(name), digest(value)] for name, value in inputs[:SHOWN_INPUTS]])
    more = len(inputs) - SHOWN_INPUTS
    note = f"\n\n… and {more} more; the training set's manifest names every one." if more > 0 else ""
    return f"## Provenance\n\n{facts(shown)}\n\n{listed}{note}"


def _sample(share: float) -> str:
    return "all of the data" if share >= 1 else f"a sample of {number(share * 100)} %"


def _how(records: CardRecords) -> str:
    blocks = records.evaluation.get("blocks", {})
    confidence = next((m["confidence"] for m in records.evaluation.get("metrics", {}).values() if m.get("confidence")), None)
    if not blocks or confidence is None:
        return "Intervals are not recorded."
    return (
        f"Intervals hold {number(confidence * 100)} % and come from a bootstrap over {number(blocks.get('count'))} blocks by "
        f"{text(blocks.get('unit'))}, since rows that overlap are not independent."
    )


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share * 100:.1f} %"


def _moment(moment: str) -> str:
    """A time in UTC; the start of a day as the day alone."""
    return moment.removesuffix("T00:00:00+00:00").replace("T", " ").replace("+00:00", " UTC")


def _rate(rate: Any) -> str:
    if isinstance(rate, Mapping):
        return ", ".join(f"{text(name)} {number(value)}" for name, value in rate.items())
    return number(rate)


def _outcome(outcomes: Mapping[str, Any]) -> str:
    return ", ".join(f"{text(name.replace('_', ' '))} {_rate(value)}" for name, value in outcomes.items() if name != "n") or "—"


def _parameters(parameters: Any) -> str:
    if isinstance(parameters, Mapping):
        return ", ".join(f"{text(name)} = {text(value)}" for name, value in parameters.items()) or "none, so the defaults"
    if isinstance(parameters, Iterable) and not isinstance(parameters, str):
        return "; ".join(f"{text(step['name'])} ({_parameters(step.get('params') or {})})" for step in parameters)
    return declared(parameters)


def _words(weights: Any) -> Any:
    return f"half life of {weights['half_life']}" if isinstance(weights, Mapping) else weights


def _search(tune: Mapping[str, Any] | None) -> str:
    if not tune:
        return "none"
    metric = tune.get("metric") or "the main metric"
    return f"{number(tune['trials'])} trials on {number(tune['folds'])} folds of the training rows by {text(metric)}"


SECTIONS: tuple[Callable[[CardRecords], str], ...] = (
    summary,
    intended_use,
    limits,
    metrics,
    gates,
    slices,
    calibration,
    data,
    training,
    decisions,
    provenance,
)
"""In the order of the card."""
