"""Servers as processes: started, waited for until they answer, watched, and ended with all that they started."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psutil

Row = Mapping[str, Any]

START_TIMEOUT = 180.0
"""Seconds within which a server must answer for the first time."""


@dataclass(frozen=True)
class Contender:
    """A server that answers for the model, and how to ask it.

    Attributes:
        name: as the table shows it.
        command: starts it; ``{port}`` stands for the port.
        path: where predictions are asked for.
        body: makes a request of rows.
        read: takes the predictions out of an answer; None: it gives no predictions.
        headers, environment: of requests; of the process, over what it inherits.
        folder: the process's working directory.
    """

    name: str
    command: Sequence[str]
    path: str
    body: Callable[[Sequence[Row]], bytes]
    read: Callable[[bytes], list[float]] | None
    headers: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None


@dataclass
class Running:
    """A contender that answers. ``first_answer`` is seconds from its start to its first answer."""

    contender: Contender
    process: subprocess.Popen[bytes]
    port: int
    first_answer: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.contender.path}"

    def ask(self, rows: Sequence[Row]) -> list[float]:
        """Predictions for rows."""
        assert self.contender.read is not None
        return self.contender.read(post(self.url, self.contender.body(rows), self.contender.headers))

    def tree(self) -> list[psutil.Process]:
        """The process and all that it started."""
        import psutil

        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """Processor time that the tree has used so far."""
        return sum(_each(self.tree(), lambda p: sum(p.cpu_times()[:2])))

    def memory_mb(self) -> float:
        """Memory of the tree in MiB; pages that processes share count once."""
        return sum(_each(self.tree(), lambda p: p.memory_full_info().pss)) / 2**20


def post(url: str, body: bytes, headers: Mapping[str, str], timeout: float = 30.0) -> bytes:
    """The body of an answer with 2xx.

    Raises:
        OSError: for anything else.
    """
    request = urllib.request.Request(url, body, {"content-type": "application/json", **headers})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout) as answer:
        content: bytes = answer.read()
        return content


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def started(contender: Contender, row: Row, logs: Path) -> Iterator[Running]:
    """Start a contender, wait until it answers ``row``, and end it and all of its processes afterwards.

    Raises:
        RuntimeError: with the end of its log, when it does not come up.
    """
    port = free_port()
    command = [part.replace("{port}", str(port)) for part in contender.command]
    environment = {**os.environ, **{name: text.replace("{port}", str(port)) for name, text in contender.environment.items()}}
    log = logs / f"{contender.name.replace(' ', '-').replace('/', '-')}.log"
    with log.open("wb") as output:
        begun = time.monotonic()
        process = subprocess.Popen(
            command, env=environment, cwd=contender.folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )
    running = Running(contender, process, port, 0.0)
    try:
        body = contender.body([row])
        while True:
            try:
                post(running.url, body, contender.headers, timeout=5)
                break
            except OSError as error:
                ended = process.poll() is not None
                if ended or time.monotonic() - begun > START_TIMEOUT:
                    end = log.read_text(errors="replace")[-1500:]
                    refused = error.read()[:500] if isinstance(error, urllib.error.HTTPError) else b""
                    raise RuntimeError(f"{contender.name} does not answer: {error} {refused!r}\n{end}") from None
                time.sleep(0.02)
        running.first_answer = time.monotonic() - begun
        yield running
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        for left in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
    process.wait()


def _each(processes: Sequence[psutil.Process], read: Callable[[psutil.Process], float]) -> Iterator[float]:
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield read(process)
