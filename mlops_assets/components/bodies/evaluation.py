"""Materialize an evaluation: score the holdout, compare with the champion, judge every gate, record the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.emit import Emitted, attempt_of, emit
from mlops_assets.components.ranges import partition_keys
from mlops_assets.lifecycle.making.evaluation import judge_model

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def materialize(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Judge the model of each partition of this run on its own holdout; the checks are those of the newest one."""
    judged = [judge_model(workspace, name, key, attempt_of(context)) for key in partition_keys(context)]
    yield from emit(context, dg.AssetKey([name, "evaluation"]), [stored for stored, _ in judged], judged[-1][1])
