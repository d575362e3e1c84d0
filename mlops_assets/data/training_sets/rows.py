"""What both forms of a model give to a training set: rows with their as-of time, target and the columns to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.data.features.table import Feature
from mlops_assets.data.training_sets.split import HOLDOUT, TRAIN, row_keys
from mlops_assets.errors import MlopsError, nearest
from mlops_assets.spec.durations import Duration
from mlops_assets.spec.model import Model
from mlops_assets.spec.periods import Windows
from mlops_assets.spec.training import HalfLife

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

AS_OF, SPLIT, TARGET, WEIGHT, LABEL_END = "__as_of", "__split", "__target", "__weight", "__label_end"

MONTH_SECONDS = 2_629_746
"""Mean Gregorian month (365.2425 / 12 days), where months are lengths and no places in a calendar."""


class TrainingSetError(MlopsError):
    """A training set that cannot be made from what is there."""


@dataclass(frozen=True)
class TrainingRows:
    """Rows before the last steps that both forms share.

    Attributes:
        table: entity, features, carried columns, ``__as_of``, ``__label_end`` and ``__target`` in a fixed order of rows.
        sides: ``train`` or ``holdout`` per row, empty where the row is dropped.
        target: name of the target.
        entity: key columns.
        features: model inputs in order.
        carried: columns that are kept for slices, groups or weights alone.
        inputs: manifest reference to digest of everything read.
        embargoed: rows between training and holdout.
        dropped: reason to number of rows left out.
        keys: partition keys by side.
        facts: what else is worth recording.
        final_by: moment at which labels must be final: the end of the model's partition; None where undated.
    """

    table: pa.Table
    sides: np.ndarray
    target: str
    entity: tuple[str, ...]
    features: tuple[Feature, ...]
    carried: tuple[str, ...]
    inputs: Mapping[str, str]
    embargoed: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    final_by: datetime | None = None


def seconds_of(duration: Duration) -> int:
    """Length in seconds; of months the mean one."""
    return duration.count * MONTH_SECONDS if duration.unit == "month" else duration.seconds


def carried_names(model: Model) -> tuple[str, ...]:
    """Columns that groups, slices, fairness and weights name, in that order, whether or not they are features."""
    named = [*model.training.group_by]
    named += [column for gate in model.gates for column in (gate.slice, gate.attribute) if column]
    if (weights := weights_column(model)) is not None:
        named.append(weights)
    return tuple(dict.fromkeys(named))


def weights_column(model: Model) -> str | None:
    """The column that weighs examples, if the spec names one."""
    weights = model.training.weights
    return None if isinstance(weights, HalfLife) or weights in ("none", "balanced") else weights


def require_history(model: Model, windows: Windows, key: str) -> None:
    """Refuse a key before which there is too little history to train and judge.

    Raises:
        TrainingSetError: saying what is there, what is needed, and from which key on it is enough.
    """
    calendar = windows.calendar
    assert calendar is not None
    where = f"{model.name}@{key}"
    if not calendar.contains(key):
        raise TrainingSetError(f"{key!r} is no partition of its calendar, which starts with {calendar.first_key}.", where=where)
    there = windows.history(key)
    if there < windows.minimum:
        enough = calendar.shift(calendar.first_key, windows.minimum + windows.horizon - 1)
        raise TrainingSetError(
            f"{there} {calendar.every}s of history with final labels are there, but at least {windows.minimum} are needed.",
            where=where,
            do=f"Train as of {enough} or later, or declare a smaller training.minimum.",
        )
    if not windows.train_keys(key):
        held = windows.holdout_periods(key)
        raise TrainingSetError(
            f"{there} {calendar.every}s of history leave nothing to train on: the holdout takes {held} and the embargo {windows.horizon}.",
            where=where,
            do="Train later, or declare a shorter holdout.",
        )


def immature_rows(table: pa.Table, final_by: datetime | None) -> int:
    """Rows whose label was not final at the as-of time of the model; counted from the rows themselves."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if final_by is None:
        return 0
    return int(pc.sum(pc.greater(table.column(LABEL_END), pa.scalar(final_by, pa.timestamp("us", "UTC")))).as_py() or 0)


def overlapping_rows(table: pa.Table, entity: Sequence[str]) -> int:
    """Training rows that reach into the holdout: by their label window, or, where undated, by standing on both sides."""
    import pyarrow.compute as pc

    sides = table.column(SPLIT)
    train, held = table.filter(pc.equal(sides, TRAIN)), table.filter(pc.equal(sides, HOLDOUT))
    if table.column(AS_OF).null_count == 0:
        return int(pc.sum(pc.greater(train.column(LABEL_END), pc.min(held.column(AS_OF)))).as_py() or 0)
    columns = list(entity) or [name for name in table.column_names if name not in (AS_OF, LABEL_END, SPLIT, WEIGHT)]
    held_keys = set(row_keys(held, columns))
    return sum(key in held_keys for key in row_keys(train, columns))


def unknown_column(model: Model, column: str, valid: Sequence[str], *, what: str) -> TrainingSetError:
    """The error for a column that is not there, with the nearest valid name."""
    guess = nearest(column, valid)
    return TrainingSetError(
        f"{what} names the column {column!r}, which is not there.",
        where=model.name,
        valid=sorted(valid),
        do=f"Did you mean {guess!r}?" if guess else None,
    )
