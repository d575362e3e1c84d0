"""Materialize a candidate: register the judged bundle, and refuse without a passing verdict on exactly this bundle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, attempt_of, emit
from mlops_assets.components.ranges import partition_keys
from mlops_assets.lifecycle.making.candidate import register_candidate

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def materialize(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Register the bundle of each partition of this run whose verdict allows it."""
    stored = [register_candidate(workspace, name, key, attempt_of(context)) for key in partition_keys(context)]
    yield from emit(context, dg.AssetKey([name, "candidate"]), stored, ())
