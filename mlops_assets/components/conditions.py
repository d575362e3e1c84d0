"""When assets are materialized by themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from mlops_assets.plan import PlannedAsset

_PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1), "month": timedelta(days=31)}


def condition_of(planned: PlannedAsset) -> dg.AutomationCondition[Any] | None:
    """When ``planned`` is made by itself; None: by a schedule, a sensor or a hand.

    Features follow new and corrected inputs in the newest `recompute` partitions, once the blocking checks of the inputs have passed.
    """
    if planned.automation == "after":
        return _after(planned)
    if planned.automation != "eager":
        return _follow() if planned.automation == "follow" else None
    newest = dg.AutomationCondition.in_latest_time_window()
    eager = dg.AutomationCondition.eager()
    if planned.calendar is not None and planned.recompute > 1:
        recent: Any = dg.AutomationCondition.in_latest_time_window(lookback_delta=planned.recompute * _PERIODS[planned.calendar.every])
        eager = eager.replace(newest, recent.with_label(f"in_newest_{planned.recompute}"))
    return eager & dg.AutomationCondition.all_deps_blocking_checks_passed()


def _after(planned: PlannedAsset) -> dg.AutomationCondition[Any]:
    """The newest partition, once after each tick, as soon as everything that it reads is there and nobody is making it."""
    is_: Any = dg.AutomationCondition
    due = is_.cron_tick_passed(str(planned.cron), planned.calendar.timezone if planned.calendar else "UTC").since_last_handled()
    ready = ~is_.any_deps_missing() & ~is_.any_deps_in_progress() & ~is_.in_progress()
    condition: dg.AutomationCondition[Any] = is_.in_latest_time_window() & due & ready
    return condition


def _follow() -> dg.AutomationCondition[Any]:
    """The newest partition, whenever something that it reads is new; a window whose older partitions are not there is a short one."""
    is_: Any = dg.AutomationCondition
    quiet = ~is_.any_deps_in_progress() & ~is_.in_progress()
    condition: dg.AutomationCondition[Any] = is_.in_latest_time_window() & is_.any_deps_updated().since_last_handled() & quiet
    return condition
