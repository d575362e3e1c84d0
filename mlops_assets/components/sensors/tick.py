"""What one tick of a sensor came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from mlops_assets.components.emit import EVERY_TAG
from mlops_assets.components.runner import RANGE_END_TAG, RANGE_START_TAG

RETRAINING_TAG = "mlops/retraining"
"""Run tag: key of the retraining request that a run serves."""
STAGE_TAG = "mlops/stage"
"""Run tag: data, features or train."""


@dataclass(frozen=True)
class Tick:
    """Runs that are asked for, and in words what was seen and why."""

    requests: Sequence[dg.RunRequest] = ()
    said: Sequence[str] = ()


def run_request(
    assets: Sequence[str], first: str | None, last: str | None, *, run_key: str, every: int = 1, tags: dict[str, str] | None = None
) -> dg.RunRequest:
    """A request for ``assets`` over every n-th partition from ``first`` to ``last`` (None: unpartitioned); a ``run_key`` runs once."""
    span = {} if first is None or first == last else {RANGE_START_TAG: first, RANGE_END_TAG: str(last)}
    if every > 1:
        span[EVERY_TAG] = str(every)
    return dg.RunRequest(
        run_key=run_key,
        asset_selection=[dg.AssetKey(asset.split("/")) for asset in assets],
        partition_key=first if first == last else None,
        tags={**(tags or {}), **span},
    )
