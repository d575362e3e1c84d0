"""Predictions of a partition beside what happened, as far as it is known and final."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.results import Finding, Stored, Watched, plottable
from mlops_assets.lifecycle.watching.errors import errors_by_version
from mlops_assets.lifecycle.watching.labels import as_predicted_for, horizon_of, known_labels

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.monitoring.outcomes import Coverage


def join_labels(workspace: Workspace, name: str, key: str | None) -> Watched:
    """Join the predictions of ``key`` with their labels; corrected labels make a new version of it.

    Raises:
        MlopsError: when there are no predictions, or label data is missing in the store.
    """
    from mlops_assets.monitoring.outcomes import join_outcomes

    asset = f"{name}/outcomes"
    predicted = workspace.store.current(f"{name}/predictions", key)
    if predicted is None:
        at = f" at {key}" if key else ""
        raise MlopsError(f"there is no {name}/predictions{at}.", where=f"{asset}{at}", do=f"Materialize {name}/predictions{at} first.")
    predictions = as_predicted_for(workspace, name, key, workspace.store.read(predicted))
    labels = known_labels(workspace, name, key, predictions)
    joined = join_outcomes(predictions, labels.table, now=workspace.now(), horizon=horizon_of(workspace, name, key))
    coverage = joined.coverage
    before = workspace.store.current(asset, key)
    manifest = workspace.store.write(
        asset,
        key,
        joined.table,
        inputs={predicted.reference: predicted.digest, **labels.inputs},
        facts={
            "coverage": coverage.to_json(),
            "versions": predicted.facts.get("versions", {}),
            "errors": errors_by_version(workspace, name, joined.table),
        },
    )
    shown = plottable(coverage.to_json())
    if before is not None and before.digest != manifest.digest:
        shown["replaces"] = before.digest
    least = workspace.catalogue.models[name].monitor.performance.min_coverage
    return Watched(Stored(key, manifest.digest, shown, manifest), [_covered(coverage, least)])


def _covered(coverage: Coverage, least: float) -> Finding:
    numbers = {"matured": coverage.matured, "labelled": coverage.labelled, "waiting": coverage.waiting, "coverage": coverage.share}
    odd = {"corrected": coverage.corrected, "conflicting": coverage.conflicting, "late": coverage.late, "in_future": coverage.in_future}
    numbers |= {name: count for name, count in odd.items() if count}
    if coverage.share is None:
        return Finding("coverage", "inconclusive", f"no prediction has matured, {coverage.waiting} are waiting", numbers)
    said = f"labels for {coverage.labelled} of {coverage.matured} matured predictions"
    notes = "".join(f", {count} {name.replace('_', ' ')}" for name, count in odd.items() if count)
    return Finding("coverage", "pass" if coverage.share >= least else "fail", f"{said}{notes}", numbers)
