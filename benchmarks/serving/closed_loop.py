"""Load from a fixed number of connections, each of which sends its next request when it has its answer: `wrk` with a Lua script."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """
local bodies = {%(bodies)s}
local requests, turn = {}, 0
function init(arguments)
  for index, body in ipairs(bodies) do
    local stream = io.open(body, "rb")
    requests[index] = wrk.format("POST", nil, {%(headers)s}, stream:read("*a"))
    stream:close()
  end
end
function request()
  turn = turn %% #requests + 1
  return requests[turn]
end
function done(summary, latency, all)
  local e = summary.errors
  io.write(string.format('\\nRESULT {"requests": %%d, "microseconds": %%d, "p50": %%f, "p95": %%f, "p99": %%f, "p999": %%f, "most": %%f,'
    .. ' "connect": %%d, "read": %%d, "write": %%d, "status": %%d, "timeout": %%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
    latency:percentile(99.9), latency.max, e.connect, e.read, e.write, e.status, e.timeout))
end
"""


@dataclass(frozen=True)
class Round:
    """One run of wrk. Latencies in milliseconds; ``wrk_seconds`` is the processor time of wrk itself."""

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    p999: float
    errors: int
    wrk_seconds: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def available() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


def run(url: str, bodies: Sequence[bytes], headers: dict[str, str], *, seconds: float, connections: int = 32) -> Round:
    """POST ``bodies`` in turn for ``seconds``, from one thread."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"body-{index}" for index in range(len(bodies))]
        for file, body in zip(files, bodies, strict=True):
            file.write_bytes(body)
        given = {"Content-Type": "application/json", **headers}
        script = Path(folder) / "post.lua"
        script.write_text(
            _SCRIPT
            % {
                "bodies": ", ".join(json.dumps(str(file)) for file in files),
                "headers": ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in given.items()),
            }
        )
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", str(script), url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if "RESULT " not in done.stdout:
        raise RuntimeError(f"wrk gave no result: {done.stdout}{done.stderr}")
    found = json.loads(done.stdout.rpartition("RESULT ")[2])
    return Round(
        requests=found["requests"],
        seconds=found["microseconds"] / 1e6,
        p50=found["p50"] / 1000,
        p95=found["p95"] / 1000,
        p99=found["p99"] / 1000,
        p999=found["p999"] / 1000,
        errors=sum(found[kind] for kind in ("connect", "read", "write", "status", "timeout")),
        wrk_seconds=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )
