"""Tell Dagster what was stored: one materialization with its own data version for each partition, and the checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_assets.components.metadata import metadata_of, shown
from mlops_assets.components.tags import CODE_VERSION_TAG, DATA_VERSION_TAG, EVERY_TAG, USER_PROVIDED_TAG
from mlops_assets.lifecycle.making.attempt import Attempt
from mlops_assets.lifecycle.results import Check, Finding, Made, Stored, Watched, plottable

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace

Emitted = dg.MaterializeResult[Any] | dg.AssetCheckResult


def attempt_of(context: dg.AssetExecutionContext) -> Attempt:
    """What the stages of this step are recorded under."""
    return Attempt(context.run.run_id, context.retry_number)


def emit(context: dg.AssetExecutionContext, asset: dg.AssetKey, stored: Sequence[Stored], checks: Iterable[Check]) -> Iterator[Emitted]:
    """Report ``stored`` partitions of ``asset``, and its checks."""
    yield from _emit(context, asset, stored, _check_results(context, asset, checks))


def emit_made(context: dg.AssetExecutionContext, asset: dg.AssetKey, made: Made) -> Iterator[Emitted]:
    """Report what was made of ``asset``; where making it stopped, what is stored and answered is told of before the step fails."""
    if made.error is None:
        yield from emit(context, asset, made.stored, made.checks)
        return
    report_partitions(context, asset, made.stored)
    yield from _check_results(context, asset, made.checks)
    raise made.error


def emit_watched(
    context: dg.AssetExecutionContext, workspace: Workspace, asset: dg.AssetKey, watched: Sequence[Watched]
) -> Iterator[Emitted]:
    """Report partitions of monitoring; the checks are those of the newest one, as the older ones were looked at in their time.

    The checks are three-valued and never block.
    """
    planned = workspace.plan.asset("/".join(asset.path))
    severities = {check.name: dg.AssetCheckSeverity[check.severity] for check in planned.checks}
    results = [_finding_result(asset, finding, severities[finding.name]) for finding in watched[-1].findings]
    yield from _emit(context, asset, [one.stored for one in watched], results)


def _check_results(context: dg.AssetExecutionContext, asset: dg.AssetKey, checks: Iterable[Check]) -> list[dg.AssetCheckResult]:
    """The Dagster form of checks of ``asset``. A check that blocks fails as an error, any other one as a warning."""
    blocking = {spec.name for spec in context.assets_def.check_specs if spec.blocking}
    return [
        dg.AssetCheckResult(
            passed=check.passed,
            asset_key=asset,
            check_name=check.name,
            metadata=shown(check.shown),
            severity=dg.AssetCheckSeverity.ERROR if check.name in blocking else dg.AssetCheckSeverity.WARN,
            description=check.description,
        )
        for check in checks
    ]


def report_partitions(context: dg.AssetExecutionContext, asset: dg.AssetKey, stored: Sequence[Stored]) -> None:
    """Tell of single partitions alone, as one batch: an instance that takes batches writes them together."""
    from mlops_assets.instance.private import DagsterEvent, DagsterEventBatchMetadata, generate_event_batch_id

    step, batch = context.get_step_execution_context(), generate_event_batch_id()
    tags = {USER_PROVIDED_TAG: "true"}
    if code_version := context.assets_def.code_versions_by_key.get(asset):
        tags[CODE_VERSION_TAG] = code_version
    for number, item in enumerate(stored, 1):
        event = dg.AssetMaterialization(
            asset_key=asset, partition=item.partition, metadata=metadata_of(item), tags={**tags, DATA_VERSION_TAG: item.version}
        )
        DagsterEvent.asset_materialization(step, event, DagsterEventBatchMetadata(batch, number == len(stored)))


def _emit(
    context: dg.AssetExecutionContext, asset: dg.AssetKey, stored: Sequence[Stored], results: list[dg.AssetCheckResult]
) -> Iterator[Emitted]:
    # In a run over a range of partitions, Dagster would give all of them one data version; so the range is reported first, and then
    # each partition with its own version, which is what later reads find. A run that made only some of its range reports these alone.
    if len(stored) == 1 and not context.has_partition_key_range:
        yield _result(asset, metadata_of(stored[0]), results, stored[0].version)
        return
    if EVERY_TAG in context.run.tags:
        yield from results
    else:
        yield _result(asset, {"partitions": len(stored)}, results)
    report_partitions(context, asset, stored)


def _result(
    asset: dg.AssetKey, metadata: Mapping[str, Any], results: list[dg.AssetCheckResult], version: str | None = None
) -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(
        asset_key=asset, metadata=dict(metadata), data_version=dg.DataVersion(version) if version else None, check_results=results
    )


def _finding_result(asset: dg.AssetKey, finding: Finding, severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    said = finding.status.replace("_", " ")
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=finding.name,
        passed=finding.status in ("pass", "not_applicable"),
        severity=severity if finding.status == "fail" else dg.AssetCheckSeverity.WARN,
        description=f"{said}: {finding.detail}" if finding.detail else said,
        metadata=shown({"status": finding.status, **plottable(finding.numbers)}),
    )
