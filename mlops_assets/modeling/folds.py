"""Folds inside the training rows, for the search and for early stopping. The holdout is never among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.distinct import groups_of
from mlops_assets.modeling.signature import ModelingError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

AS_OF, LABEL_END = "__as_of", "__label_end"
FORWARD = "forward in time"
"""How folds of dated rows are chosen."""


@dataclass(frozen=True)
class Fold:
    """Row positions (sorted) to learn from and to judge on, and how they were chosen."""

    train: np.ndarray
    valid: np.ndarray
    how: str


def folds_of(
    frame: pd.DataFrame, y: np.ndarray, *, count: int, classes: int, groups: Sequence[str], entity: Sequence[str], seed: int
) -> list[Fold]:
    """Folds as the data allow them.

    Dated rows with two as-of times or more: forward chaining. The as-of times are cut into ``count + 1`` stretches of about the same
    number of rows; each later stretch is judged by what precedes it, less the rows whose label was not final when the stretch
    began (the embargo of the label's horizon), and less the rows of its groups. Other rows: ``count`` random parts, stratified by
    class, with each group (else each entity) whole on one side.

    Raises:
        ModelingError: when no fold is left with rows on both sides.
    """
    if len(y) < 2:
        raise ModelingError(
            f"{len(y)} training rows cannot be split into folds.", do="Leave out tune and early stopping, or widen the window."
        )
    dated = AS_OF in frame.columns and bool(frame[AS_OF].notna().all()) and frame[AS_OF].nunique() > 1
    made = _forward(frame, count, groups) if dated else _random(frame, y, count, classes, groups or entity, seed)
    folds = [fold for fold in made if len(fold.train) and len(fold.valid)]
    if not folds:
        raise ModelingError(
            "no fold has rows on both sides once the embargo of the label's horizon and the groups are kept apart.",
            where="training.tune",
            do="Widen the training window, ask for fewer folds, or leave out the search and early stopping.",
        )
    return folds


def _forward(frame: pd.DataFrame, count: int, groups: Sequence[str]) -> list[Fold]:
    import numpy as np

    as_of = frame[AS_OF].to_numpy(dtype="datetime64[us]")
    final = (frame[LABEL_END] if LABEL_END in frame.columns else frame[AS_OF]).fillna(frame[AS_OF]).to_numpy(dtype="datetime64[us]")
    keys = _group_keys(frame, groups)
    times, rows = np.unique(as_of, return_counts=True)
    before = np.cumsum(rows) - rows
    stretches = min(count + 1, len(times))
    targets = [len(as_of) * part / stretches for part in range(1, stretches)]
    edges = list(times[np.unique(np.clip(np.searchsorted(before, targets), 1, len(times) - 1))])
    folds = []
    for begin, end in zip(edges, [*edges[1:], None], strict=True):
        valid = (as_of >= begin) if end is None else (as_of >= begin) & (as_of < end)
        train = (as_of < begin) & (final <= begin)
        if keys is not None:
            train &= ~np.isin(keys, np.unique(keys[valid]))
        folds.append(Fold(np.flatnonzero(train), np.flatnonzero(valid), FORWARD))
    return folds


def _random(frame: pd.DataFrame, y: np.ndarray, count: int, classes: int, groups: Sequence[str], seed: int) -> list[Fold]:
    import numpy as np
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    keys = _group_keys(frame, groups)
    if keys is not None and len(np.unique(keys)) == len(keys):
        keys = None
    units = len(y) if keys is None else len(np.unique(keys))
    count = min(count, units)
    if count < 2:
        return []
    settings: dict[str, Any] = {"n_splits": count, "shuffle": True, "random_state": seed}
    stratified = classes > 0 and int(np.bincount(y.astype("int64")).min()) >= count
    if keys is not None:
        splitter = StratifiedGroupKFold(**settings) if stratified else GroupKFold(**settings)
        how = "stratified by class, groups whole" if stratified else "random, groups whole"
    else:
        splitter = StratifiedKFold(**settings) if stratified else KFold(**settings)
        how = "stratified by class" if stratified else "random"
    return [Fold(train, valid, how) for train, valid in splitter.split(np.zeros(len(y)), y, keys)]


def _group_keys(frame: pd.DataFrame, groups: Sequence[str]) -> np.ndarray | None:
    """One whole number a row that names its group; None without groups."""
    if not groups:
        return None
    if lost := [name for name in groups if name not in frame.columns]:
        raise ModelingError(f"the training set does not carry {lost[0]!r}, by which rows are grouped.", where="training.group_by")
    return groups_of(frame[list(groups)])
