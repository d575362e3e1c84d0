"""Which judged rows belong together, and how many independent ones they are worth; the same for every gate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.bootstrap import (
    MIN_TIME_BLOCKS,
    Blocks,
    choose_blocks,
    effective_n,
    means_of,
    variance_between_and_within,
)
from mlops_assets.modeling.likeness import alike_rows
from mlops_assets.modeling.metrics.pointwise import pointwise_loss, surprise
from mlops_assets.modeling.signature import BundleInputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.modeling.signature import Signature

    Array = np.ndarray[Any, np.dtype[Any]]

SURE = 0.99
"""Confidence with which the errors of alike rows must be alike for them to be blocks."""


def dependence(
    table: pd.DataFrame, entity: list[str], as_of: pd.Series | None, signature: Signature, y: Array, prediction: Array, task: str
) -> tuple[Blocks, float]:
    """Blocks of the rows of ``table``, and their worth in independent rows.

    Blocks by entity or time as :func:`~mlops_assets.modeling.bootstrap.choose_blocks` says. Stretches of time are joined in pairs while the
    model's errors remember the stretch before, as long as enough are left. Where no entity comes again, alike rows are the blocks if the
    model errs on them together and that leaves fewer independent rows. The worth is that of losses, or of the errors of probabilities with
    their sign, which calibration is about, whichever is less.
    """
    n = len(y)
    blocks = choose_blocks(table[entity] if entity else None, as_of, n)
    if not n:
        return blocks, 0.0
    loss = pointwise_loss(y, prediction, task)
    error = loss if task == "regression" else surprise(y, prediction, task)
    memory = 0.0
    if blocks.unit == "time":
        blocks, memory = _forgetful(blocks, error)
    worth = effective_n(blocks, loss)
    if task != "regression":
        worth = min(worth, _remembered(n, effective_n(blocks, error), memory))
    if blocks.unit == "entity":
        return blocks, worth
    try:
        group = alike_rows(table, list(signature.features))
    except BundleInputError:
        group = None  # the gate of consistency says what does not fit the signature
    if group is not None:
        alike = Blocks(group, int(group.max()) + 1, "alike")
        if _err_together(alike, error) and (fewer := effective_n(alike, error)) < worth:
            return alike, fewer
    return blocks, worth


def _err_together(blocks: Blocks, error: Array) -> bool:
    """Whether errors are more alike within blocks than chance gives: the F test of a one-way analysis of variance."""
    from scipy import stats

    if not 2 <= blocks.count < blocks.n:
        return False
    between, within = variance_between_and_within(blocks, error)
    if within <= 0:
        return between > 0
    return bool(stats.f.sf(between / within, blocks.count - 1, blocks.n - blocks.count) < 1 - SURE)


def _forgetful(blocks: Blocks, error: Array) -> tuple[Blocks, float]:
    """Longer stretches, until their mean errors no longer depend on the one before; and that dependence, where it is left."""
    while True:
        memory = _autocorrelation(blocks, error)
        if memory <= 2 / math.sqrt(blocks.count):
            return blocks, 0.0
        if blocks.count // 2 < MIN_TIME_BLOCKS:
            return blocks, memory
        blocks = Blocks(blocks.code // 2, (blocks.count + 1) // 2, "time")


def _autocorrelation(blocks: Blocks, error: Array) -> float:
    """Correlation of the mean errors of neighbouring stretches."""
    import numpy as np

    _, means = means_of(blocks, error)
    moved = means - means.mean()
    spread = float(np.square(moved).sum())
    return 0.0 if spread <= 0 else float((moved[1:] * moved[:-1]).sum()) / spread


def _remembered(n: int, worth: float, memory: float) -> float:
    """The worth where stretches remember the one before: what they share counts (1 + r) / (1 - r) times, as in a mean of an AR(1) series.

    G. Bayley and J. Hammersley, Supplement to the Journal of the Royal Statistical Society 8 (1946).
    """
    shared = n / worth - 1
    return n / (1 + shared * (1 + memory) / (1 - memory))
