"""Tell Dagster what was stored: one materialization with its own data version for each partition, and the checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

DATA_VERSION_TAG = "dagster/data_version"
USER_PROVIDED_TAG = "dagster/data_version_is_user_provided"

Emitted = dg.MaterializeResult[Any] | dg.AssetMaterialization | dg.AssetCheckResult


@dataclass(frozen=True)
class Stored:
    """One stored partition: its key (None if unpartitioned), the digest that is its data version, and what to show."""

    partition: str | None
    version: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """The answer of one asset check. ``passed`` is False for fail and for inconclusive alike; metadata says which."""

    name: str
    passed: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)
    severity: str = "ERROR"
    description: str | None = None


def partition_keys(context: dg.AssetExecutionContext) -> list[str | None]:
    """Keys that this run is for; ``[None]`` for an unpartitioned asset."""
    return list(context.partition_keys) if context.has_partition_key or context.has_partition_key_range else [None]


def check_result(asset: dg.AssetKey, check: Check) -> dg.AssetCheckResult:
    """The Dagster form of a check."""
    return dg.AssetCheckResult(
        passed=check.passed,
        asset_key=asset,
        check_name=check.name,
        metadata=dict(check.metadata),
        severity=dg.AssetCheckSeverity[check.severity],
        description=check.description,
    )


def emit(asset: dg.AssetKey, stored: Sequence[Stored], checks: Iterable[Check]) -> Iterator[Emitted]:
    """Report ``stored`` partitions of ``asset``, and its checks.

    In a run over a range of partitions, Dagster would give all of them one data version; so the range is reported
    first, with the checks, and then each partition with its own version, which is what later reads find.
    """
    results = [check_result(asset, check) for check in checks]
    if len(stored) == 1:
        only = stored[0]
        yield dg.MaterializeResult(
            asset_key=asset, metadata=dict(only.metadata), data_version=dg.DataVersion(only.version), check_results=results
        )
        return
    yield dg.MaterializeResult(asset_key=asset, metadata={"partitions": len(stored)}, check_results=results)
    for item in stored:
        yield dg.AssetMaterialization(
            asset_key=asset,
            partition=item.partition,
            metadata=dict(item.metadata),
            tags={DATA_VERSION_TAG: item.version, USER_PROVIDED_TAG: "true"},
        )
