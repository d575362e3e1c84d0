"""When a cron schedule was last due. Five fields, UTC, as `mlops_assets.spec.cron` checks them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mlops_assets.spec.cron import expand

_DAYS = 366 * 8
_NAMES = {
    3: {m: i for i, m in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)},
    4: {d: i for i, d in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])},
}
_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def last_due(schedule: str, now: datetime) -> datetime | None:
    """The newest time up to ``now`` at which ``schedule`` was due; None where it never is (30 February)."""
    fields = expand(schedule).lower().split()
    minutes, hours, days, months, weekdays = (_values(field, place) for place, field in enumerate(fields))
    weekdays = {day % 7 for day in weekdays}
    either = fields[2] != "*" and fields[4] != "*"
    moment = now.astimezone(UTC)
    for back in range(_DAYS):
        day = (moment - timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0)
        in_month, in_week = day.day in days, (day.weekday() + 1) % 7 in weekdays
        if day.month not in months or not ((in_month or in_week) if either else (in_month and in_week)):
            continue
        times = [day + timedelta(hours=hour, minutes=minute) for hour in sorted(hours) for minute in sorted(minutes)]
        found = next((time for time in reversed(times) if time <= moment), None)
        if found is not None:
            return found
    return None


def _values(field: str, place: int) -> set[int]:
    low, high = _LIMITS[place]
    values: set[int] = set()
    for item in field.split(","):
        part, _, step = item.partition("/")
        if part == "*":
            first, last = low, high
        else:
            ends = [_NAMES.get(place, {}).get(end) if not end.isdigit() else int(end) for end in part.split("-", 1)]
            first = ends[0] if ends[0] is not None else low
            last = (ends[-1] if ends[-1] is not None else high) if len(ends) > 1 or not step else high
        values.update(range(first, last + 1, int(step or 1)))
    return values
