"""Materialize batch predictions: the champion over everyone who is scored, as of the end of each partition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_assets.components.emit import Emitted, partition_keys
from mlops_assets.components.metadata import manifest_metadata
from mlops_assets.components.watching.champions import bundle_of_version, champion_for
from mlops_assets.components.watching.emitting import Finding, Watched, emit_watched, plottable

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.components.workspace import Workspace
    from mlops_assets.modeling.bundle import Bundle


def materialize_scores(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Score each partition of this run.

    Raises:
        NoChampion: nothing serves, or everything that does learned from later data.
    """
    bundles: dict[int, Bundle] = {}
    watched = []
    for key in partition_keys(context):
        version = champion_for(workspace, name, key)
        if version.number not in bundles:
            bundles[version.number] = bundle_of_version(workspace, version)
        watched.append(_score(workspace, name, key, version.number, bundles[version.number]))
    yield from emit_watched(context, workspace, dg.AssetKey([name, "scores"]), watched)


def _score(workspace: Workspace, name: str, key: str | None, version: int, bundle: Bundle) -> Watched:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.data.training_rows import LABEL_END, TARGET
    from mlops_assets.monitoring.columns import AS_OF, PREDICTED_AT, PREDICTION_ID, SCORE, VERSION

    rows, inputs = population_of(workspace, name, key)
    rows = rows.drop_columns([column for column in (LABEL_END, TARGET) if column in rows.column_names])
    prediction = bundle.predict(rows.to_pandas())
    score = pa.array(prediction) if prediction.ndim == 1 else pa.array(list(prediction), pa.list_(pa.float64()))
    finite = np.isfinite(prediction) if prediction.ndim == 1 else np.isfinite(prediction).all(axis=1)
    made = rows.column(AS_OF)
    if made.null_count:
        made = pa.array([workspace.now()] * rows.num_rows, made.type)
    entity = [column for column in (workspace.catalogue.models[name].entity or bundle.signature.entity) if column in rows.column_names]
    table = rows.append_column(PREDICTION_ID, pa.array(identities(name, key, version, rows, entity), pa.string()))
    table = table.append_column(PREDICTED_AT, made).append_column(VERSION, pa.array([version] * rows.num_rows, pa.int64()))
    table = table.append_column(SCORE, score)
    facts = {"version": version, "bundle": bundle.digest, "finite": int(finite.sum()), "entity": entity}
    manifest = workspace.store.write(f"{name}/scores", key, table, inputs=inputs, facts=facts)
    numbers: dict[str, Any] = {"champion": version, "bundle": bundle.digest, "scored": rows.num_rows}
    if rows.num_rows and prediction.ndim == 1:
        numbers |= {"mean_score": float(np.nanmean(prediction)), "score_p10": float(np.nanquantile(prediction, 0.1))}
        numbers |= {"score_p90": float(np.nanquantile(prediction, 0.9))}
    missing = rows.num_rows - int(finite.sum())
    if not rows.num_rows:
        finding = Finding("complete", "inconclusive", "there is nobody to score", {"rows": 0})
    else:
        finding = Finding(
            "complete", "fail" if missing else "pass", f"{missing} of {rows.num_rows} have no finite score", {"rows": rows.num_rows}
        )
    return Watched(key, manifest.digest, {**manifest_metadata(manifest), **plottable(numbers)}, [finding])


def population_of(workspace: Workspace, name: str, key: str | None) -> tuple[pa.Table, dict[str, str]]:
    """Who is scored at ``key`` with their features, as training would see them; and the versions that were read."""
    model = workspace.catalogue.models[name]
    if model.examples is not None:
        from mlops_assets.data.examples_form import scored_rows

        return scored_rows(model, workspace.catalogue, key, workspace.store)
    from mlops_assets.data.point_in_time import population_rows

    assert key is not None
    return population_rows(model, workspace.catalogue, key, workspace.store, memory_limit=workspace.settings.duckdb_memory)


def identities(name: str, key: str | None, version: int, rows: pa.Table, entity: Sequence[str]) -> list[str]:
    """Ids of batch predictions: the same entity, partition and version have the same one, whenever they are scored."""
    import hashlib

    keys = rows.select(list(entity)).to_pylist() if entity else [{"row": number} for number in range(rows.num_rows)]
    begin = f"{name}@{key}/{version}/"
    return [hashlib.sha256(f"{begin}{sorted(row.items())}".encode()).hexdigest()[:32] for row in keys]
