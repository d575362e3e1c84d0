"""The machine during a measurement, so that a reader can tell a quiet one from a shared one."""

from __future__ import annotations

import os
import platform
import resource
import time
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """What the measurements ran on."""
    import psutil

    model = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


class Neighbours:
    """Processor time of everything on the machine; what is neither the server's nor the generator's was somebody else's."""

    def __init__(self) -> None:
        self._started, self._busy = time.monotonic(), _busy()

    def share(self, ours: float) -> float:
        """Share of all cores since the start that went to others, where ``ours`` is processor seconds of server and generator."""
        capacity = (time.monotonic() - self._started) * (os.cpu_count() or 1)
        return max(0.0, (_busy() - self._busy - ours) / capacity)


def own_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def wait_for_quiet(seconds: float, most: float = 0.2) -> float:
    """Wait until others use less than ``most`` of the cores for three seconds, for ``seconds`` at the longest; returns their last share."""
    deadline = time.monotonic() + seconds
    while True:
        watch = Neighbours()
        time.sleep(3.0)
        share = watch.share(0.0)
        if share < most or time.monotonic() >= deadline:
            return share


def _busy() -> float:
    import psutil

    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.is_file() else []
