"""The metric on the newest matured labels beside its value at the gate, and its estimate before labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlops_assets.lifecycle.champions import bundle_of_version
from mlops_assets.lifecycle.results import Finding, Stored, Watched, plottable
from mlops_assets.lifecycle.watching.errors import watch_version
from mlops_assets.lifecycle.watching.windows import VersionWindow, version_window
from mlops_assets.plan.checks import estimates
from mlops_assets.spec.windows import model_windows, monitor_periods

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.monitoring.estimation import Estimate
    from mlops_assets.monitoring.performance import Performance
    from mlops_assets.spec import Model

KEPT = ("status", "metric", "covered", "value", "low", "high", "n", "n_effective", "gate", "drop", "drop_low", "base_rate", "detail")
"""What decisions read of a measurement."""
CHANGES = 10
"""How many changes of the mean error are kept, the newest."""
RECONCILED = 8
"""How many past estimates are held against what was measured later."""


def monitored_metric(model: Model) -> str:
    """The metric that is watched."""
    return model.monitor.performance.metric or model.main_metric


def tolerated(model: Model) -> float:
    """How far the metric may fall: what the retraining policy tolerates, else not at all."""
    when = model.retrain.when if model.retrain else None
    drops = [trigger.performance.drop for trigger in ((*when.any, *when.all) if when else ()) if trigger.performance is not None]
    return min(drops, default=0.0)


def measure(workspace: Workspace, name: str, key: str | None) -> Watched:
    """Measure ``name`` on the labels that matured up to ``key``, beside its value at the gate, its estimate and its errors."""
    import pyarrow as pa

    from mlops_assets.monitoring.outcomes import Coverage
    from mlops_assets.monitoring.performance import measure_performance

    model, metric = workspace.catalogue.models[name], monitored_metric(workspace.catalogue.models[name])
    windows = model_windows(model, workspace.catalogue)
    matured = version_window(workspace, name, "outcomes", key, back=windows.horizon if windows.calendar else 0)
    counts = sum((Coverage.from_json(manifest.facts["coverage"]) for manifest in matured.manifests), Coverage())
    measured = measure_performance(
        matured.reference,
        _outcomes(matured),
        counts,
        model.monitor.performance,
        metric=metric,
        tolerated=tolerated(model),
        asked={rule.metric for rule in model.monitor.alerts},
    )
    facts: dict[str, Any] = {
        "metric": metric,
        "measured": {**_kept(measured), "version": matured.version.number},
        "coverage": counts.to_json(),
    }
    inputs = matured.inputs
    if estimates(model):
        recent = version_window(workspace, name, "predictions", key)
        inputs |= recent.inputs
        facts["estimated"] = _estimated(workspace, model, recent, metric)
        facts["reconciled"] = _reconciled(workspace, name, key, measured)
    facts["label"] = _label(model, matured)
    facts["concept"] = _concept(workspace, name, key, matured.version.number, measured)
    rows = [{"metric": part, **{k: found.get(k) for k in ("value", "n")}, **_bounds(found)} for part, found in measured.metrics.items()]
    schema = pa.schema([("metric", pa.string()), ("value", pa.float64()), ("n", pa.int64()), ("low", pa.float64()), ("high", pa.float64())])
    manifest = workspace.store.write(f"{name}/performance", key, pa.Table.from_pylist(rows, schema), inputs=inputs, facts=facts)
    shown = {**_shown(facts), "version": manifest.digest}
    return Watched(Stored(key, manifest.digest, shown), [*_findings(facts, measured, estimates(model))])


def _outcomes(window: VersionWindow) -> pa.Table:
    """Rows with every column that measuring needs, also where there are none."""
    import pyarrow as pa

    from mlops_assets.monitoring.columns import PREDICTED_AT, SCORE, TARGET

    table = window.table
    score = pa.list_(pa.float64()) if len(window.reference.score) > 1 else pa.float64()
    for column, kind in ((TARGET, pa.float64()), (SCORE, score), (PREDICTED_AT, pa.timestamp("us", "UTC"))):
        if column not in table.column_names:
            table = table.append_column(column, pa.nulls(table.num_rows, kind))
    return table


def _kept(found: Performance) -> dict[str, Any]:
    body = found.to_json()
    return {part: body[part] for part in KEPT}


def _estimated(workspace: Workspace, model: Model, window: VersionWindow, metric: str) -> dict[str, Any]:
    from mlops_assets.monitoring.estimation import estimate_performance

    bundle = bundle_of_version(workspace, window.version) if model.task == "regression" else None
    found = estimate_performance(window.reference, window.table, metric, bundle=bundle)
    gate = (window.reference.metrics.get(metric) or {}).get("value")
    return {**found.to_json(), "version": window.version.number, "gate": gate}


def _reconciled(workspace: Workspace, name: str, key: str | None, measured: Performance) -> dict[str, Any]:
    """Past estimates beside what was measured later on the same predictions."""
    from dataclasses import asdict

    from mlops_assets.monitoring.estimation import Estimate, reconcile

    model = workspace.catalogue.models[name]
    windows, span = model_windows(model, workspace.catalogue), monitor_periods(model, workspace.catalogue)
    if windows.calendar is None or key is None:
        return asdict(reconcile([]))
    calendar, asset = windows.calendar, f"{name}/performance"
    measured_at = [calendar.shift(key, -span * step) for step in range(RECONCILED)]
    estimated_at = [calendar.shift(at, -windows.horizon) for at in measured_at]
    found = workspace.store.window(asset, sorted({*measured_at, *estimated_at}))
    pairs: list[tuple[Estimate, float]] = []
    for truth_key, estimate_key in zip(measured_at, estimated_at, strict=True):
        before = found[estimate_key].facts.get("estimated") if estimate_key in found else None
        later = found[truth_key].facts["measured"] if truth_key in found else {}
        truth = measured.value if truth_key == key else later.get("value")
        if before is None or truth is None or before["value"] is None:
            continue
        if before["metric"] != (measured.metric if truth_key == key else later.get("metric", before["metric"])):
            continue  # on rows of one class another metric was measured
        low, high = before["interval"] or (None, None)
        n, effective, method = before["n"], before["n_effective"], before["method"]
        pairs.append((Estimate(before["status"], before["metric"], before["value"], low, high, n, effective, method), truth))
    return asdict(reconcile(pairs))


def _label(model: Model, window: VersionWindow) -> dict[str, Any]:
    """Whether the labels that matured are distributed as at the gate."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from mlops_assets.monitoring.columns import TARGET
    from mlops_assets.monitoring.drift import measure_drift

    if TARGET not in window.table.column_names or not window.table.num_rows:
        return {"status": "inconclusive", "detail": "no label has come", "effect": None, "n": 0}
    labels = window.table.filter(pc.is_valid(window.table.column(TARGET)))
    nothing = pa.table({name: pa.array([], field.type) for name, field in zip(labels.column_names, labels.schema, strict=True)})
    found = measure_drift(window.reference, nothing, model.monitor.drift, labels=labels.column(TARGET)).label
    assert found is not None
    return {"status": found.status, "detail": found.detail, "effect": found.effect, "n": found.n}


def _concept(workspace: Workspace, name: str, key: str | None, version: int, measured: Performance) -> dict[str, Any]:
    """Whether errors rose along the version's stream; labels of too few predictions, or none in the newest partition, say nothing."""
    found, newest = watch_version(workspace, name, version, key)
    body = found.to_json() | {"changes": found.to_json()["changes"][-CHANGES:]}
    if found.status == "inconclusive" or (measured.covered and newest):
        return body
    said = "no label matured in the newest partition" if not newest else "labels cover too few predictions"
    return body | {"status": "inconclusive", "detail": f"{said}; before, {found.detail}"}


def _bounds(found: Any) -> dict[str, float | None]:
    low, high = found.get("interval") or (None, None)
    return {"low": low, "high": high}


def _shown(facts: dict[str, Any]) -> dict[str, Any]:
    measured, metric, coverage = facts["measured"], facts["measured"]["metric"], facts["coverage"]
    plotted = {metric: measured["value"], f"{metric}_low": measured["low"], f"{metric}_high": measured["high"]}
    plotted |= {f"{metric}_at_gate": measured["gate"], "drop": measured["drop"], "coverage": coverage["coverage"], "rows": measured["n"]}
    plotted |= {"waiting": coverage["waiting"], "base_rate": measured["base_rate"], "status": measured["status"]}
    plotted |= {"version_watched": measured["version"]}
    concept = facts["concept"]
    before = concept["before"] if concept["changes"] else None
    plotted |= {"error": concept["now"], "error_before": before, "error_changes": len(concept["changes"])}
    if estimated := facts.get("estimated"):
        plotted |= {f"{estimated['metric']}_estimated": estimated["value"], "estimate_error": facts["reconciled"]["error"]}
    return plottable(plotted)


def _findings(facts: dict[str, Any], measured: Performance, estimated: bool) -> Iterator[Finding]:
    numbers = {part: facts["measured"][part] for part in ("value", "gate", "drop", "n")}
    yield Finding("measured", measured.status, measured.detail, {**numbers, "coverage": measured.coverage})
    if estimated:
        yield _of_estimate(facts["estimated"], facts["reconciled"], facts["metric"])
    label = facts["label"]
    yield Finding("label", label["status"], label["detail"], {"n": label["n"], "effect": label["effect"]})
    concept = facts["concept"]
    before = concept["before"] if concept["changes"] else None
    errors = {"error": concept["now"], "error_before": before, "rise": concept["rise"], "n": concept["rows"]}
    yield Finding("concept", concept["status"], concept["detail"], errors)


def _of_estimate(found: Any, reconciled: Any, metric: str) -> Finding:
    from mlops_assets.spec.metrics import GREATER_IS_BETTER

    numbers = {"value": found["value"], "gate": found["gate"], "n": found["n"], "past_error": reconciled["error"]}
    if found["value"] is None or found["gate"] is None or found["interval"] is None:
        return Finding("estimated", "inconclusive", found["detail"] or f"{metric} cannot be estimated", numbers)
    if reconciled["trusted"] is False:
        said = f"past estimates were off by {reconciled['error']:.3g} on average, so this one is not acted on"
        return Finding("estimated", "inconclusive", said, numbers)
    low, high = found["interval"]
    worse = high < found["gate"] if GREATER_IS_BETTER[metric] else low > found["gate"]
    said = f"{found['value']:.4g} [{low:.4g}, {high:.4g}] estimated, {found['gate']:.4g} at the gate"
    return Finding("estimated", "fail" if worse else "pass", said, numbers)
