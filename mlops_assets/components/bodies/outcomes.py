"""Materialize outcomes: predictions of a partition beside what happened, as far as it is known and final."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, partition_keys
from mlops_assets.components.metadata import manifest_metadata
from mlops_assets.components.watching.emitting import Finding, Watched, emit_watched, plottable
from mlops_assets.components.watching.errors import errors_by_version
from mlops_assets.components.watching.labels import as_predicted_for, horizon_of, known_labels
from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from mlops_assets.components.workspace import Workspace
    from mlops_assets.monitoring.outcomes import Coverage


def materialize_outcomes(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Join each partition of this run with its labels; corrected labels make a new version of it.

    Raises:
        MlopsError: when there are no predictions, or label data is missing in the store.
    """
    watched = [_join(workspace, name, key) for key in partition_keys(context)]
    yield from emit_watched(context, workspace, dg.AssetKey([name, "outcomes"]), watched)


def _join(workspace: Workspace, name: str, key: str | None) -> Watched:
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
    metadata = {**manifest_metadata(manifest), **plottable(coverage.to_json())}
    if before is not None and before.digest != manifest.digest:
        metadata["replaces"] = before.digest
    least = workspace.catalogue.models[name].monitor.performance.min_coverage
    return Watched(key, manifest.digest, metadata, [_covered(coverage, least)])


def _covered(coverage: Coverage, least: float) -> Finding:
    numbers = {"matured": coverage.matured, "labelled": coverage.labelled, "waiting": coverage.waiting, "coverage": coverage.share}
    odd = {"corrected": coverage.corrected, "conflicting": coverage.conflicting, "late": coverage.late, "in_future": coverage.in_future}
    numbers |= {name: count for name, count in odd.items() if count}
    if coverage.share is None:
        return Finding("coverage", "inconclusive", f"no prediction has matured, {coverage.waiting} are waiting", numbers)
    said = f"labels for {coverage.labelled} of {coverage.matured} matured predictions"
    notes = "".join(f", {count} {name.replace('_', ' ')}" for name, count in odd.items() if count)
    return Finding("coverage", "pass" if coverage.share >= least else "fail", f"{said}{notes}", numbers)
