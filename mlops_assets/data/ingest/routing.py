"""Which partition each row of a piece belongs to, and why a row belongs to none of those that are read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_assets.data.schema.clock import localized
from mlops_assets.spec.zones import first_instant

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset

NO_TIME = "no event time"
UNREADABLE_TIME = "unreadable event time"
OTHER_FILE = "event time outside the partition of its file"
BEFORE = "before the first partition"
AFTER = "after the last partition"
OTHER_PARTITION = "in other partitions"
"""Causes for which a row is left out of the partitions that are read."""

LOST = (NO_TIME, UNREADABLE_TIME, OTHER_FILE)
"""Causes of rows that no other read stores either."""


@dataclass(frozen=True)
class Routed:
    """Rows of a piece that belong to the partitions that are read.

    Attributes:
        chosen: their positions in the piece, in order of time, and as they stand there where times are equal.
        groups: for each of them which of the partitions, by number.
        left_out: how many others there are, by cause.
    """

    chosen: np.ndarray
    groups: np.ndarray
    left_out: Counter[str]


class Router:
    """The partitions of one read, and what lies around them."""

    def __init__(self, dataset: Dataset, keys: list[str]) -> None:
        import numpy as np

        assert dataset.calendar is not None
        assert dataset.partitions is not None
        calendar = dataset.calendar
        self.keys = keys
        self._dataset = dataset
        self._starts = np.array([microseconds(calendar.start_of(key)) for key in keys])
        self._ends = np.array([microseconds(calendar.end_of(key)) for key in keys])
        self._first = microseconds(calendar.start_of(calendar.first_key))
        end = dataset.partitions.end
        self._last = None if end is None else microseconds(first_instant(end, calendar.zone))

    def route(self, table: pa.Table, unreadable: np.ndarray, partition: str | None) -> Routed:
        """Where the rows of a piece belong.

        Args:
            table: typed rows.
            unreadable: positions of rows whose event time could not be read.
            partition: the partition that the piece's file is the file of, if any.
        """
        import numpy as np

        times, dated = moments(table, self._dataset)
        ordinals = np.searchsorted(self._starts, times, side="right") - 1
        inside = dated & (ordinals >= 0) & (times < self._ends[np.maximum(ordinals, 0)])
        causes: Counter[str] = Counter()
        causes[UNREADABLE_TIME] = len(unreadable)
        causes[NO_TIME] = int((~dated).sum()) - len(unreadable)
        if partition is not None:
            own = inside & (ordinals == self.keys.index(partition))
            causes[OTHER_FILE] = int((dated & ~own).sum())
            inside = own
        elif not inside.all():
            outside = dated & ~inside
            before = outside & (times < self._first)
            after = outside & (times >= self._last) if self._last is not None else np.zeros_like(outside)
            causes[BEFORE], causes[AFTER] = int(before.sum()), int(after.sum())
            causes[OTHER_PARTITION] = int(outside.sum()) - causes[BEFORE] - causes[AFTER]
        chosen = np.flatnonzero(inside)
        ordered = times[chosen]
        if (ordered[1:] < ordered[:-1]).any():
            chosen = chosen[np.argsort(ordered, kind="stable")]
        return Routed(chosen, ordinals[chosen], +causes)


def moments(table: pa.Table, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Event times in microseconds since the epoch (UTC), and which rows have one. A date is the first instant of its day."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(str(dataset.event_time))
    if pa.types.is_date(column.type):
        column = localized(column.cast(pa.timestamp("us")), dataset.timezone)
    dated = column.is_valid().to_numpy()
    return pc.fill_null(column.cast(pa.int64()), 0).to_numpy(), dated


def microseconds(moment: datetime) -> int:
    """Microseconds since the epoch."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
