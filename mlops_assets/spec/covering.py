"""Which partitions of a data set hold a stretch of time."""

from __future__ import annotations

from datetime import datetime, timedelta

from mlops_assets.spec.calendar import Calendar
from mlops_assets.spec.dataset import Dataset, Partitions


def covering(partitions: Partitions, start: datetime, end: datetime) -> list[str]:
    """Keys of the partitions that overlap ``[start, end)``, oldest first, clipped at the first and the declared last one."""
    if start >= end:
        return []
    calendar = partitions.calendar
    last = calendar.key_of(end - timedelta(microseconds=1))
    if partitions.end is not None:
        if calendar.last_key is None:
            return []
        last = min(last, calendar.last_key, key=calendar.start_of)
    return calendar.between(calendar.key_of(start), last)


def newest_ended(calendar: Calendar, as_of: datetime) -> str | None:
    """Key of the newest partition that ended at or before ``as_of``: the snapshot as it was, the last one for good after the declared end.

    None before the first.
    """
    return calendar.newest_complete(as_of)


def dataset_keys(dataset: Dataset, start: datetime | None, end: datetime) -> list[str | None]:
    """Partitions of ``dataset`` that a reader of ``[start, end)`` needs.

    Events: those that overlap the interval (from the first on where ``start`` is None). Snapshot: the newest one
    that ended by ``end``, if any. Without partitions: ``[None]``.
    """
    if dataset.partitions is None:
        return [None]
    calendar = dataset.partitions.calendar
    first = calendar.start_of(calendar.first_key)
    if dataset.kind == "snapshot":
        newest = newest_ended(calendar, end)
        return [] if newest is None else [newest]
    return list(covering(dataset.partitions, start or first, end))
