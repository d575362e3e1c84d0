"""When a cron schedule was last due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mlops_assets.retraining.schedule import last_due

NOW = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    "schedule, expected",
    [
        ("hourly", datetime(2026, 3, 4, 10, 5)),
        ("daily", datetime(2026, 3, 4, 0, 15)),
        ("weekly", datetime(2026, 3, 2, 0, 15)),
        ("monthly", datetime(2026, 3, 1, 0, 15)),
        ("30 10 * * *", datetime(2026, 3, 4, 10, 30)),
        ("31 10 * * *", datetime(2026, 3, 3, 10, 31)),
        ("0 6 * * mon-fri", datetime(2026, 3, 4, 6, 0)),
        ("0 6 * * sun", datetime(2026, 3, 1, 6, 0)),
        ("0 6 * * 7", datetime(2026, 3, 1, 6, 0)),
        ("*/20 * * * *", datetime(2026, 3, 4, 10, 20)),
        ("0 0 29 2 *", datetime(2024, 2, 29)),
        ("0 0 1 * 1", datetime(2026, 3, 2)),
        ("0 12 15,28 jan *", datetime(2026, 1, 28, 12)),
    ],
)
def test_the_last_time_is_found(schedule: str, expected: datetime) -> None:
    assert last_due(schedule, NOW) == expected.replace(tzinfo=UTC)


def test_a_day_that_never_comes_is_never_due() -> None:
    assert last_due("0 0 30 2 *", NOW) is None


def test_each_time_is_due_until_the_next_one() -> None:
    seen = {last_due("15 0 * * 1", NOW + timedelta(hours=hour)) for hour in range(24 * 21)}
    assert len(seen) == 4
