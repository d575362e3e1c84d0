"""What one tick of a sensor came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg


@dataclass(frozen=True)
class Tick:
    """Runs that are asked for, and in words what was seen and why."""

    requests: Sequence[dg.RunRequest] = ()
    said: Sequence[str] = ()
