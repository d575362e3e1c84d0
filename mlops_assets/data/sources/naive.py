"""The window of a read among naive local times."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from mlops_assets.data.sources.context import Window

_JUST = timedelta(microseconds=1)


def naive_bounds(window: Window, zone: ZoneInfo) -> Window:
    """Naive times ``[start, end)`` that hold every time that the zone's clocks show in ``window``.

    Where clocks change at a bound, these are the times on both sides of the change: an hour that comes twice is read for both
    partitions, one that never was for the partition that follows. The caller cuts by event time.
    """
    start, end = window
    return min(local(start, zone), local(start - _JUST, zone) + _JUST), max(local(end, zone), local(end - _JUST, zone) + _JUST)


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """What the zone's clocks show at ``moment``, naive."""
    return moment.astimezone(zone).replace(tzinfo=None)
