"""Tell Dagster what was watched: partitions with numbers that the UI plots, and checks that are three-valued and never block."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg

from mlops_assets.components.emit import EVERY_TAG, Stored, report

if TYPE_CHECKING:
    from mlops_assets.components.emit import Emitted
    from mlops_assets.components.workspace import Workspace

Status = Literal["pass", "fail", "inconclusive", "not_applicable"]


@dataclass(frozen=True)
class Finding:
    """The answer of one check: only ``pass`` and ``not_applicable`` are green; ``numbers`` say what it rests on."""

    name: str
    status: Status
    detail: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Watched:
    """One stored partition and what its checks found."""

    partition: str | None
    version: str
    metadata: Mapping[str, Any]
    findings: Sequence[Finding] = ()


def emit_watched(
    context: dg.AssetExecutionContext, workspace: Workspace, asset: dg.AssetKey, watched: Sequence[Watched]
) -> Iterator[Emitted]:
    """Report partitions of ``asset``; the checks are those of the newest one, as the older ones were looked at in their time."""
    planned = workspace.plan.asset("/".join(asset.path))
    severities = {check.name: dg.AssetCheckSeverity[check.severity] for check in planned.checks}
    results = [
        dg.AssetCheckResult(
            asset_key=asset,
            check_name=finding.name,
            passed=finding.status in ("pass", "not_applicable"),
            severity=severities[finding.name] if finding.status == "fail" else dg.AssetCheckSeverity.WARN,
            description=f"{finding.status.replace('_', ' ')}: {finding.detail}" if finding.detail else finding.status.replace("_", " "),
            metadata={"status": finding.status, **plottable(finding.numbers)},
        )
        for finding in watched[-1].findings
    ]
    if len(watched) == 1 and not context.has_partition_key_range:
        only = watched[0]
        yield dg.MaterializeResult(
            asset_key=asset, metadata=dict(only.metadata), data_version=dg.DataVersion(only.version), check_results=results
        )
        return
    if EVERY_TAG in context.run.tags:
        yield from results
    else:
        yield dg.MaterializeResult(asset_key=asset, metadata={"partitions": len(watched)}, check_results=results)
    report(context, asset, [Stored(item.partition, item.version, item.metadata) for item in watched])


def plottable(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as metadata: whole numbers and floats are plotted over partitions; what is absent or not finite is left out."""
    known = {name: value for name, value in numbers.items() if value is not None}
    finite = {name: value for name, value in known.items() if not isinstance(value, float) or math.isfinite(value)}
    return {name: dg.MetadataValue.json(dict(value)) if isinstance(value, Mapping) else value for name, value in finite.items()}
