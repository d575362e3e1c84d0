"""This server under load: against the limit of its server software, with each of its duties switched off, and with 100 rows a request.

    python benchmarks/serving/ours.py [--seconds 3] [--open 60]

``--open S`` adds an open-loop run of S seconds at 1,000 requests/s, whose latency counts from when a request was due.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import made
from load import HEADER, Result, wait_for, wrk

ECHO_PORT = 18_765

SWITCHES: dict[str, dict[str, str]] = {
    "everything on": {},
    "without journal": {"MLOPS_JOURNAL_ON": "false"},
    "without identity": {"MLOPS_SERVE_ANONYMOUS": "true"},
}


@contextlib.contextmanager
def server(folder: Path, workers: int = 1, **environment: str) -> Iterator[tuple[str, int]]:
    """A running server: its URL and process id."""
    ready = folder / f"url-{time.time_ns()}"
    command = [sys.executable, "-m", "mlops_assets", "serve", "--project", str(folder), "--port", "0", "--ready", str(ready)]
    process = subprocess.Popen([*command, "--workers", str(workers)], env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        while not ready.exists() or not ready.read_text():
            time.sleep(0.02)
        url = ready.read_text()
        wait_for(url + "/health/ready")
        yield url, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def echo(body: bytes, seconds: int) -> Result:
    """The limit."""
    process = subprocess.Popen([sys.executable, str(Path(__file__).parent / "echo.py"), str(ECHO_PORT)])
    try:
        wait_for(f"http://127.0.0.1:{ECHO_PORT}/")
        return wrk(f"http://127.0.0.1:{ECHO_PORT}/", body, seconds=seconds, pid=process.pid)
    finally:
        process.terminate()
        process.wait()


async def open_loop(url: str, key: str, body: bytes, seconds: float, rate: float = 1000.0) -> list[float]:
    """Latencies in milliseconds of requests that are sent when they are due, whether or not earlier ones were answered."""
    host, _, port = url.removeprefix("http://").partition(":")
    head = f"POST /models/bench/predict HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    request = head.encode() + f"content-length: {len(body)}\r\n\r\n".encode() + body
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(64):
        idle.put_nowait(await asyncio.open_connection(host, int(port)))
    latencies: list[float] = []

    async def one(due: float) -> None:
        reader, writer = await idle.get()
        writer.write(request)
        header = await reader.readuntil(b"\r\n\r\n")
        assert header.startswith(b"HTTP/1.1 200"), header
        length = int(header.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        idle.put_nowait((reader, writer))
        latencies.append((time.perf_counter() - due) * 1e3)

    begun, sent, tasks = time.perf_counter(), 0, set()
    while sent < seconds * rate:
        due = begun + sent / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        sent += 1
    await asyncio.gather(*tasks)
    return sorted(latencies)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--open", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-serving-") as scratch:
        folder = Path(scratch) / "project"
        key, _ = made.project(folder)
        one, hundred = made.body(1), made.body(100)
        headers = [("authorization", f"Bearer {key}")]
        limit = echo(one, given.seconds)
        print("one row a request, 32 connections; ratio: against the echo route\n" + HEADER)
        print(limit.row("limit: echo on uvicorn"))
        for name, environment in SWITCHES.items():
            started = time.perf_counter()
            with server(folder, **environment) as (url, pid):
                begun = time.perf_counter() - started
                sent = [] if "identity" in name else headers
                print(wrk(f"{url}/models/bench/predict", one, headers=sent, seconds=given.seconds, pid=pid).row(name, limit.rate), flush=True)
                if not environment:
                    start_up = begun
                    mlflow = b'{"dataframe_records":' + one.removeprefix(b'{"data": ')
                    found = wrk(f"{url}/models/bench/invocations", mlflow, headers=headers, seconds=given.seconds, pid=pid)
                    print(found.row("MLflow's form (plain rows, checked one by one)", limit.rate), flush=True)
                    many = wrk(f"{url}/models/bench/predict", hundred, headers=headers, seconds=given.seconds, pid=pid)
        with server(folder, workers=2) as (url, pid):
            found = wrk(f"{url}/models/bench/predict", one, headers=headers, seconds=given.seconds, pid=pid)
            print(found.row("everything on, 2 workers", limit.rate), flush=True)
        print("\n100 rows a request\n" + HEADER)
        print(many.row("everything on"))
        print(f"\nfrom start to ready: {start_up:.1f} s")
        if given.open:
            with server(folder) as (url, pid):
                latencies = asyncio.run(open_loop(url, key, one, given.open))
            shown = ", ".join(f"p{q:g} {latencies[int(len(latencies) * q / 100)]:.2f}" for q in (50, 95, 99, 99.9))
            print(f"open loop, 1,000 requests/s for {given.open} s: {shown} ms; {len(latencies):,} answered")


if __name__ == "__main__":
    main()
