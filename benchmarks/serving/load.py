"""Load for the serving benchmarks: wrk with one POST body, and what the processes under load cost meanwhile."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True)
class Result:
    """One run: requests per second, latency in milliseconds, CPU per request in microseconds, memory in MiB."""

    rate: float
    p50: float
    p99: float
    cpu: float
    memory: float
    errors: int

    def row(self, name: str, best: float | None = None) -> str:
        """A line of the table."""
        against = f"{self.rate / best:6.2f}" if best else "      "
        return f"{name:<44}{self.rate:>10,.0f}{against}{self.p50:>9.2f}{self.p99:>9.2f}{self.cpu:>9,.0f}{self.memory:>8.0f}{self.errors:>7}"


HEADER = f"{'server':<44}{'req/s':>10}{'ratio':>6}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}{'MiB':>8}{'errors':>7}"


def wrk(url: str, body: bytes, *, headers: Sequence[tuple[str, str]] = (), seconds: int = 3, connections: int = 32, pid: int) -> Result:
    """Send ``body`` to ``url`` over and over; ``pid`` is the root of the processes whose cost counts."""
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("this needs wrk (Debian: apt-get install wrk)")
    quoted = body.decode().replace("\\", "\\\\").replace("'", "\\'")
    lines = ["wrk.method = 'POST'", f"wrk.body = '{quoted}'", "wrk.headers['content-type'] = 'application/json'"]
    lines += [f"wrk.headers['{name}'] = '{value}'" for name, value in headers]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write("\n".join(lines))
        script.flush()
        command = [program, "-t1", f"-c{connections}", "--latency", "-s", script.name]
        subprocess.run([*command, "-d1s", url], check=True, capture_output=True)
        before, started = _cpu(pid), time.perf_counter()
        text = subprocess.run([*command, f"-d{seconds}s", url], check=True, capture_output=True, text=True).stdout
        used, took = _cpu(pid) - before, time.perf_counter() - started
    requests = int(_find(r"(\d+) requests in", text))
    errors = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", text))
    errors += sum(int(n) for line in re.findall(r"Socket errors: (.*)", text) for n in re.findall(r"\d+", line))
    memory = sum(p.memory_info().rss for p in _family(pid)) / 2**20
    return Result(requests / took, _time("50%", text), _time("99%", text), used / max(1, requests) * 1e6, memory, errors)


def wait_for(url: str, seconds: float = 120) -> None:
    """Wait until something answers at ``url`` with a 2xx."""
    import httpx

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=2, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"nothing answers at {url}")


def _family(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _cpu(pid: int) -> float:
    return sum(t.user + t.system for t in (p.cpu_times() for p in _family(pid)))


def _time(quantile: str, text: str) -> float:
    number, unit = re.findall(rf"{quantile}\s+([\d.]+)(us|ms|s|m)", text)[0]
    return float(number) * _UNITS[unit]


def _find(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match.group(1)


def remove(folder: Path) -> None:
    """Remove a folder with everything below it."""
    shutil.rmtree(folder, ignore_errors=True)
