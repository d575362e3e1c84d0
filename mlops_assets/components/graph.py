"""Planned assets in Dagster's terms: partitions, dependencies with their mappings, checks, automation."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.conditions import condition_of
from mlops_assets.plan.kinds import KINDS
from mlops_assets.spec.calendar import Calendar

if TYPE_CHECKING:
    from mlops_assets.plan import PlannedAsset, PlannedEdge

# Backfill policies and clipped windows are beta in Dagster 1.13; both were tried and are covered by tests here.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*(backfill_policy|allow_nonexistent_upstream_partitions).*")

EXPANDING_PERIODS = 3660
"""How far back the mapping of an expanding window reaches; Dagster clips it at the first partition."""


def partitions_definition(calendar: Calendar | None) -> dg.TimeWindowPartitionsDefinition | None:
    """Dagster's form of a calendar; keys are spelled alike."""
    if calendar is None:
        return None
    start, last = calendar.first_key, calendar.key_of(calendar.end) if calendar.end else None
    if calendar.every == "hour":
        return dg.HourlyPartitionsDefinition(start_date=start, end_date=last, timezone=calendar.timezone)
    if calendar.every == "day":
        return dg.DailyPartitionsDefinition(start_date=start, end_date=last, timezone=calendar.timezone)
    if calendar.every == "week":
        return dg.WeeklyPartitionsDefinition(start_date=start, end_date=last, timezone=calendar.timezone, day_offset=1)
    return dg.MonthlyPartitionsDefinition(start_date=start, end_date=last, timezone=calendar.timezone)


def asset_spec(planned: PlannedAsset) -> dg.AssetSpec:
    """How Dagster shows a planned asset."""
    return dg.AssetSpec(
        key=list(planned.parts),
        description=planned.description or None,
        deps=[_dependency(edge) for edge in planned.deps],
        partitions_def=partitions_definition(planned.calendar),
        group_name=planned.group,
        owners=list(planned.owners),
        kinds=set(planned.kinds),
        tags=dict(planned.tags),
        code_version=planned.code_version,
        automation_condition=condition_of(planned),
        metadata={"declared_by": planned.declared_by},
        skippable=KINDS[planned.kind].whole_range and planned.calendar is not None,
    )


def check_specs(planned: PlannedAsset) -> list[dg.AssetCheckSpec]:
    """Checks that the asset's body answers."""
    return [
        dg.AssetCheckSpec(check.name, asset=list(planned.parts), description=check.description, blocking=check.blocking)
        for check in planned.checks
    ]


def _dependency(edge: PlannedEdge) -> dg.AssetDep:
    return dg.AssetDep(edge.upstream.split("/"), partition_mapping=_mapping(edge))


def _mapping(edge: PlannedEdge) -> dg.PartitionMapping | None:
    if edge.mapping == "all":
        return dg.AllPartitionMapping()
    if edge.mapping in ("same", "unpartitioned"):
        return None
    start = -EXPANDING_PERIODS if edge.start_offset is None else edge.start_offset
    return dg.TimeWindowPartitionMapping(start_offset=start, end_offset=edge.end_offset, allow_nonexistent_upstream_partitions=True)
