"""Recent predictions beside what the champion learned from, and a page that people read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.champions import bundle_of_version, training_set_of
from mlops_assets.lifecycle.results import Finding, Link, Rows, Stored, Watched, plottable
from mlops_assets.lifecycle.watching.windows import VersionWindow, version_window
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.monitoring.column_drift import ColumnDrift
    from mlops_assets.monitoring.drift import Drift

SHOWN = ("name", "status", "effect", "q", "psi", "ks", "wasserstein", "jensen_shannon", "missing", "n", "condition")


def compare_with_training(
    workspace: Workspace, name: str, key: str | None, run_id: str, *, with_page: bool, warn: Callable[[str], None]
) -> Watched:
    """Compare the window of ``key`` with the champion's reference, and record drift in the ledger.

    Args:
        workspace, name, key: the model and the partition.
        run_id: Dagster run that this belongs to.
        with_page: whether the window may get a page that people read, beside the training run of the version that is watched.
        warn: told why there is no page though there should be one.
    """
    import pyarrow as pa

    from mlops_assets.monitoring.drift import measure_drift

    window = version_window(workspace, name, "predictions", key)
    drift = measure_drift(window.reference, window.table, workspace.catalogue.models[name].monitor.drift)
    rows = [
        {"family": family, **_row(column)} for family, columns in (("feature", drift.columns), ("score", drift.score)) for column in columns
    ]
    texts, whole = {"family", "name", "status", "condition", "detail"}, {"n", "n_reference"}
    numbers = [column for column in (rows[0] if rows else ()) if column not in texts | whole]
    kinds = {
        **dict.fromkeys(sorted(texts), pa.string()),
        **dict.fromkeys(sorted(whole), pa.int64()),
        **dict.fromkeys(numbers, pa.float64()),
    }
    table = pa.Table.from_pylist(rows, pa.schema(list(kinds.items())))
    facts, before = drift_facts(drift, window.version.number), _watched_before(workspace, name, key)
    manifest = workspace.store.write(f"{name}/drift", key, table, inputs=window.inputs, facts=facts)
    tell(workspace, name, key, drift, run_id)
    plotted: dict[str, Any] = {
        "score_psi": drift.score_psi,
        "score_drift": drift.score_drift,
        "drift_score": drift.drift_score,
        "rows": drift.n,
    }
    plotted |= {"columns_drifted": len(drift.drifted), "status": drift.status, "version_watched": window.version.number}
    shown: dict[str, Any] = {**plottable(plotted), "version": manifest.digest}
    if with_page:
        wanted = page_wanted(workspace.settings.drift_pages, drift.status, first=before != window.version.number)
        shown["Evidently report"] = (
            _page(workspace, name, key, window, warn) if wanted else f"none here: drift_pages = {workspace.settings.drift_pages}"
        )
    rows.sort(key=lambda row: (row["status"] != "fail", -(row["effect"] or 0)))
    shown["columns"] = Rows([{part: row.get(part) for part in SHOWN} for row in rows])
    return Watched(Stored(key, manifest.digest, shown), [*_findings(drift)])


def page_wanted(setting: str, status: str, *, first: bool) -> bool:
    """Whether a window gets a page: a page costs about five seconds and five megabytes, most of them whatever the window."""
    return setting == "always" or (setting == "found" and (first or status == "fail"))


def _watched_before(workspace: Workspace, name: str, key: str | None) -> int | None:
    """The version that was watched in the partition before ``key``, or before in an undated one; None where nothing was."""
    calendar = model_windows(workspace.catalogue.models[name], workspace.catalogue).calendar
    manifest = workspace.store.current(f"{name}/drift", calendar.shift(key, -1) if calendar is not None and key is not None else None)
    return None if manifest is None else int(manifest.facts["version"])


def drift_facts(drift: Drift, version: int) -> dict[str, Any]:
    """What decisions read of a drift, as plain data."""
    body = drift.to_json()
    kept = ("status", "bundle", "n", "n_effective", "drift_score", "score_psi", "score_drift", "score_status", "drifted", "score", "rule")
    return {"version": version, **{part: body[part] for part in kept}}


def tell(workspace: Workspace, name: str, key: str | None, drift: Drift, run_id: str) -> None:
    """Record drift in the ledger, once for each window and version."""
    if drift.status != "fail":
        return
    window = key or "now"
    found = {c.name: round(c.effect, 6) for c in (*drift.columns, *drift.score) if c.status == "fail" and c.effect is not None}
    numbers = {"score_psi": drift.score_psi, "drift_score": drift.drift_score, **dict(sorted(found.items(), key=lambda i: -i[1])[:20])}
    body = {
        "metric": "score" if drift.score_status == "fail" else "columns",
        "window": window,
        "numbers": {part: value for part, value in numbers.items() if value is not None and _named(part)},
        "n": drift.n,
        "run": run_id,
    }
    environment = workspace.settings.environment
    for event in workspace.ledger.events(name, environment=environment, kinds=["drift_found"]):
        same = {part: value for part, value in event.body.items() if part not in ("run", "key")}
        if same == {part: value for part, value in body.items() if part != "run"}:
            return
    workspace.ledger.append("drift_found", name, workspace.actor.name, body)


def _named(part: str) -> bool:
    from mlops_assets.ledger.fields import IDENTIFIER

    return IDENTIFIER.check(part)


def _row(column: ColumnDrift) -> dict[str, Any]:
    from mlops_assets.monitoring.column_drift import STATISTICS

    statistics = column.statistics or {}
    row: dict[str, Any] = {"name": column.name, "status": column.status, "condition": column.condition, "detail": column.detail}
    row |= {"n": column.n, "n_reference": column.n_reference, "missing": column.missing, "missing_reference": column.missing_reference}
    row |= {"effect": column.effect, "q": min((c.q for c in column.comparisons), default=None), "detectable": column.detectable}
    return {**row, **{part: statistics.get(part) for part in STATISTICS}}


def _findings(drift: Drift) -> Iterator[Finding]:
    from mlops_assets.monitoring.status import worst

    status = worst(column.status for column in drift.columns)
    said = f"{', '.join(drift.drifted[:8])} left the reference" if drift.drifted else f"{len(drift.columns)} columns on {drift.n} rows"
    yield Finding("columns", status, said, {"rows": drift.n, "drifted": len(drift.drifted), "drift_score": drift.drift_score})
    words = "; ".join(column.detail for column in drift.score) or "there is no score"
    yield Finding("score", drift.score_status, words, {"rows": drift.n, "psi": drift.score_psi, "effect": drift.score_drift})


def _page(workspace: Workspace, name: str, key: str | None, window: VersionWindow, warn: Callable[[str], None]) -> Link | str:
    """Evidently's page, beside the training run of the version that is watched; or why there is none."""
    from mlops_assets.monitoring.report import write_report

    version = window.version
    if version.mlflow_run is None:
        return "the version has no MLflow run to keep it"
    features = [(feature.name, str(feature.type)) for feature in bundle_of_version(workspace, version).signature.features]
    learned: pa.Table = training_set_of(workspace, name, version).table
    with tempfile.TemporaryDirectory(dir=workspace.scratch) as folder:
        file = Path(folder) / f"{key or 'now'}.html"
        try:
            write_report(learned, window.table, features, file)
            run = workspace.registry.run_of(version.mlflow_run)
            run.log_folder(Path(folder), "drift")
        except MlopsError as error:
            warn(f"no report: {error}")
            return str(error)
    return Link(run.artifact_url(f"drift/{file.name}"))
