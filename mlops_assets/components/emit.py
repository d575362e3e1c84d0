"""Tell Dagster what was stored: one materialization with its own data version for each partition, and the checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

DATA_VERSION_TAG = "dagster/data_version"
USER_PROVIDED_TAG = "dagster/data_version_is_user_provided"
CODE_VERSION_TAG = "dagster/code_version"
EVERY_TAG = "mlops/every"
"""Run tag: make only every n-th partition of the run's range."""

Emitted = dg.MaterializeResult[Any] | dg.AssetCheckResult


@dataclass(frozen=True)
class Stored:
    """One stored partition: its key (None if unpartitioned), the digest that is its data version, and what to show."""

    partition: str | None
    version: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """The answer of one asset check. ``passed`` is False for fail and for inconclusive alike; metadata says which.

    A check that blocks fails as an error, any other one as a warning.
    """

    name: str
    passed: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None


def partition_keys(context: dg.AssetExecutionContext) -> list[str | None]:
    """Keys that this run is for; ``[None]`` for an unpartitioned asset.

    A run over a range may ask for every n-th partition of it, counted back from the last one, by the tag :data:`EVERY_TAG`.
    """
    if not (context.has_partition_key or context.has_partition_key_range):
        return [None]
    every = int(context.run.tags.get(EVERY_TAG, 1))
    return list(context.partition_keys[::-1][::every][::-1])


def check_results(context: dg.AssetExecutionContext, asset: dg.AssetKey, checks: Iterable[Check]) -> list[dg.AssetCheckResult]:
    """The Dagster form of checks of ``asset``."""
    blocking = {spec.name for spec in context.assets_def.check_specs if spec.blocking}
    return [
        dg.AssetCheckResult(
            passed=check.passed,
            asset_key=asset,
            check_name=check.name,
            metadata=dict(check.metadata),
            severity=dg.AssetCheckSeverity.ERROR if check.name in blocking else dg.AssetCheckSeverity.WARN,
            description=check.description,
        )
        for check in checks
    ]


def emit(context: dg.AssetExecutionContext, asset: dg.AssetKey, stored: Sequence[Stored], checks: Iterable[Check]) -> Iterator[Emitted]:
    """Report ``stored`` partitions of ``asset``, and its checks.

    In a run over a range of partitions, Dagster would give all of them one data version; so the range is reported
    first, and then each partition with its own version, which is what later reads find. A run that made only some
    partitions of its range reports these alone.
    """
    results = check_results(context, asset, checks)
    if len(stored) == 1 and not context.has_partition_key_range:
        yield _result(asset, stored[0].metadata, results, stored[0].version)
        return
    if EVERY_TAG in context.run.tags:
        yield from results
    else:
        yield _result(asset, {"partitions": len(stored)}, results)
    report(context, asset, stored)


def _result(
    asset: dg.AssetKey, metadata: Mapping[str, Any], results: list[dg.AssetCheckResult], version: str | None = None
) -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(
        asset_key=asset, metadata=dict(metadata), data_version=dg.DataVersion(version) if version else None, check_results=results
    )


def report(context: dg.AssetExecutionContext, asset: dg.AssetKey, stored: Sequence[Stored]) -> None:
    """Tell of single partitions alone, as one batch: an instance that takes batches writes them together."""
    from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata, generate_event_batch_id

    step, batch = context.get_step_execution_context(), generate_event_batch_id()  # type: ignore[no-untyped-call]
    tags = {USER_PROVIDED_TAG: "true"}
    if code_version := context.assets_def.code_versions_by_key.get(asset):
        tags[CODE_VERSION_TAG] = code_version
    for number, item in enumerate(stored, 1):
        event = dg.AssetMaterialization(
            asset_key=asset, partition=item.partition, metadata=dict(item.metadata), tags={**tags, DATA_VERSION_TAG: item.version}
        )
        DagsterEvent.asset_materialization(step, event, DagsterEventBatchMetadata(batch, number == len(stored)))
