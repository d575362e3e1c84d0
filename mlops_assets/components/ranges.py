"""A range of partitions as one Dagster run: which ranges partitions make, how a run is asked for one, and what a run was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from mlops_assets.components.tags import EVERY_TAG, RANGE_END_TAG, RANGE_START_TAG
from mlops_assets.spec.calendar import Calendar


def ranges(calendar: Calendar, keys: Sequence[str]) -> list[tuple[str, str, int, int]]:
    """``keys`` as few ranges, oldest first: first and last key, how many, and how many periods lie between two of them."""
    ordinals = sorted({calendar.distance(calendar.first_key, key) for key in keys})
    groups: list[list[int]] = []
    for ordinal in ordinals:
        group = groups[-1] if groups else []
        if len(group) == 1 or (len(group) > 1 and ordinal - group[-1] == group[1] - group[0]):
            group.append(ordinal)
        else:
            groups.append([ordinal])
    spelled = [[calendar.shift(calendar.first_key, ordinal) for ordinal in (group[0], group[-1])] for group in groups]
    steps = [group[1] - group[0] if len(group) > 1 else 1 for group in groups]
    return [(first, last, len(group), step) for (first, last), group, step in zip(spelled, groups, steps, strict=True)]


def partition_of_run(first: str | None, last: str | None) -> str | None:
    """The partition key of a run over ``first`` to ``last``; None for a range, which its tags say, and for an unpartitioned asset."""
    return first if first == last else None


def range_tags(first: str | None, last: str | None, every: int = 1) -> dict[str, str]:
    """Tags of a run over every n-th partition from ``first`` to ``last``; none for a single partition or an unpartitioned asset."""
    span = {} if first is None or first == last else {RANGE_START_TAG: first, RANGE_END_TAG: str(last)}
    return {**span, EVERY_TAG: str(every)} if every > 1 else span


def run_request(
    assets: Sequence[str], first: str | None, last: str | None, *, run_key: str, every: int = 1, tags: Mapping[str, str] | None = None
) -> dg.RunRequest:
    """A request for ``assets`` over every n-th partition from ``first`` to ``last`` (None: unpartitioned); a ``run_key`` runs once."""
    return dg.RunRequest(
        run_key=run_key,
        asset_selection=[dg.AssetKey(asset.split("/")) for asset in assets],
        partition_key=partition_of_run(first, last),
        tags={**(tags or {}), **range_tags(first, last, every)},
    )


def partition_keys(context: dg.AssetExecutionContext) -> list[str | None]:
    """Keys that this run is for; ``[None]`` for an unpartitioned asset.

    A run over a range may ask for every n-th partition of it, counted back from the last one, by the tag :data:`EVERY_TAG`.
    """
    if not (context.has_partition_key or context.has_partition_key_range):
        return [None]
    every = int(context.run.tags.get(EVERY_TAG, 1))
    return list(context.partition_keys[::-1][::every][::-1])
