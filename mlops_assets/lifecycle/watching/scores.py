"""Batch predictions: the champion over everyone who is scored, as of the end of a partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops_assets.lifecycle.champions import bundle_of_version, champion_for
from mlops_assets.lifecycle.results import Finding, Stored, Watched, plottable
from mlops_assets.lifecycle.watching.population import identities, population_of

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.modeling.bundle import Bundle


def score_population(workspace: Workspace, name: str, keys: Sequence[str | None]) -> list[Watched]:
    """Score everyone at each of ``keys`` with the champion of that time.

    Raises:
        NoChampion: nothing serves, or everything that does learned from later data.
    """
    bundles: dict[int, Bundle] = {}
    watched = []
    for key in keys:
        version = champion_for(workspace, name, key)
        if version.number not in bundles:
            bundles[version.number] = bundle_of_version(workspace, version)
        watched.append(_score(workspace, name, key, version.number, bundles[version.number]))
    return watched


def _score(workspace: Workspace, name: str, key: str | None, version: int, bundle: Bundle) -> Watched:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.data.training_sets.rows import LABEL_END, TARGET
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
    return Watched(Stored(key, manifest.digest, plottable(numbers), manifest), [finding])
