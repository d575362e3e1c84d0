"""Materialize a training set: examples or labelled features at points in time, split before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_assets.components.emit import Check, Emitted, Stored, emit, partition_keys
from mlops_assets.components.metadata import manifest_metadata

if TYPE_CHECKING:
    from mlops_assets.components.workspace import Workspace


def materialize_training_set(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Build the training set of model ``name`` for each partition of this run."""
    from mlops_assets.data.training_set import build_training_set

    model, settings = workspace.catalogue.models[name], workspace.settings
    stored, checks = [], []
    for key in partition_keys(context):
        built = build_training_set(
            model, workspace.catalogue, key, workspace.store, sample=settings.sample, memory_limit=settings.duckdb_memory
        )
        facts = dict(built.facts)
        stored.append(Stored(key, built.manifest.digest, {**manifest_metadata(built.manifest), **_shown(facts)}))
        checks.append(facts)
    yield from emit(context, dg.AssetKey([name, "training_set"]), stored, _checks(checks))


def _shown(facts: dict[str, Any]) -> dict[str, Any]:
    rows = facts["rows"]
    shown: dict[str, Any] = {"train_rows": rows["train"], "holdout_rows": rows["holdout"], "facts": dg.MetadataValue.json(facts)}
    for split, rate in (facts.get("base_rate") or {}).items():
        if rate is not None:
            shown[f"base_rate_{split}"] = rate if isinstance(rate, (int, float)) else dg.MetadataValue.json(rate)
    return shown


def _checks(all_facts: list[dict[str, Any]]) -> Iterator[Check]:
    rows = [facts["rows"] for facts in all_facts]
    immature = sum(facts.get("immature", 0) for facts in all_facts)
    yield Check("label_maturity", immature == 0, {"immature_labels": immature})
    usable = all(r["train"] > 0 and r["holdout"] > 0 for r in rows)
    yield Check("base_rate", usable, {"train_rows": sum(r["train"] for r in rows), "holdout_rows": sum(r["holdout"] for r in rows)})
    overlap = sum(facts.get("overlap", 0) for facts in all_facts)
    yield Check("leakage_probe", overlap == 0, {"rows_on_both_sides": overlap})
