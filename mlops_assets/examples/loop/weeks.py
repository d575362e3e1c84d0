"""The roster of the simulated shop by week."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SUNDAY = 6


def last_day(frame: pd.DataFrame) -> pd.DataFrame:
    """Of the daily rosters of each week the one of its last day."""
    import pandas as pd

    return frame[pd.to_datetime(frame["day"]).dt.weekday == SUNDAY]
