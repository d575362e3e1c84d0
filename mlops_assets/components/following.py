"""When the assets of monitoring are materialized by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from mlops_assets.plan import PlannedAsset


def after(planned: PlannedAsset) -> dg.AutomationCondition[Any]:
    """The newest partition, once after each tick, as soon as everything that it reads is there and nobody is making it."""
    is_: Any = dg.AutomationCondition
    due = is_.cron_tick_passed(str(planned.cron), planned.calendar.timezone if planned.calendar else "UTC").since_last_handled()
    ready = ~is_.any_deps_missing() & ~is_.any_deps_in_progress() & ~is_.in_progress()
    condition: dg.AutomationCondition[Any] = is_.in_latest_time_window() & due & ready
    return condition


def follow() -> dg.AutomationCondition[Any]:
    """The newest partition, whenever something that it reads is new; a window whose older partitions are not there is a short one."""
    is_: Any = dg.AutomationCondition
    quiet = ~is_.any_deps_in_progress() & ~is_.in_progress()
    condition: dg.AutomationCondition[Any] = is_.in_latest_time_window() & is_.any_deps_updated().since_last_handled() & quiet
    return condition
