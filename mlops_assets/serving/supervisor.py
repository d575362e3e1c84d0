"""The supervisor: opens the socket, keeps so many workers alive behind it, and ends them in good order."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.errors import BAD_INPUT, CRASHED
from mlops_assets.serving.errors import ServingError
from mlops_assets.serving.metrics import new_folder
from mlops_assets.serving.services import PREDICTIONS, Record

if TYPE_CHECKING:
    from mlops_assets.settings import Settings

QUICK = 5.0
"""A worker that ends within so many seconds of its start is started again more slowly each time."""

SLOWEST = 10.0


@dataclass
class _Slot:
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    again: float = 0.0


class Supervisor:
    """Runs workers until it is told to stop.

    Args:
        settings: of the project.
        listening: the socket that all workers accept from.
        workers: how many.
        say: gets one line when something happens to a worker.
    """

    def __init__(self, settings: Settings, listening: socket.socket, workers: int, say: Callable[[str], None] = lambda line: None) -> None:
        self._settings = settings
        self._listening = listening
        self._slots = [_Slot() for _ in range(workers)]
        self._say = say
        self._stopping = False
        self._refused = False
        # Workers hold the reading end; it closes with this process, however it ends.
        self._watched, self._held = os.pipe()

    def run(self) -> int:
        """Keep the workers alive; returns when stopped, or the code of a failed program when none of them ever comes up."""
        new_folder(self._settings.home / "serving" / "metrics")
        previous = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            return self._watch()
        finally:
            self._end()
            for number, handler in previous.items():
                signal.signal(number, handler)
            os.close(self._watched)
            os.close(self._held)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return [slot.process.pid for slot in self._slots if slot.process is not None and slot.process.poll() is None]

    def _watch(self) -> int:
        while not self._stopping:
            now = time.monotonic()
            for slot in self._slots:
                if slot.process is not None and (code := slot.process.poll()) is not None:
                    self._ended(slot, code, now)
                if slot.process is None and now >= slot.again:
                    self._start(slot)
            if all(slot.failures >= 3 and slot.process is None for slot in self._slots):
                self._say("no worker comes up; the messages above say why")
                return BAD_INPUT if self._refused else CRASHED
            time.sleep(0.1)
        return 0

    def _ended(self, slot: _Slot, code: int, now: float) -> None:
        assert slot.process is not None
        quick = now - slot.started < QUICK and code > 0
        self._refused = code == BAD_INPUT
        slot.failures = slot.failures + 1 if quick else 0
        wait = min(SLOWEST, 0.5 * 2**slot.failures) if quick else 0.0
        slot.again = now + wait
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self._say(f"worker {slot.process.pid} ended with {how}; another one starts{f' in {wait:g} s' if wait else ''}")
        slot.process = None

    def _start(self, slot: _Slot) -> None:
        command = [sys.executable, "-m", "mlops_assets.serving.worker"]
        command += ["--project", str(self._settings.project), "--environment", self._settings.environment]
        command += ["--socket", str(self._listening.fileno()), "--parent", str(self._watched), "--workers", str(len(self._slots))]
        # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which lets workers finish.
        slot.process = subprocess.Popen(command, pass_fds=(self._listening.fileno(), self._watched), start_new_session=True)
        slot.started = time.monotonic()

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True

    def _end(self) -> None:
        running = [slot.process for slot in self._slots if slot.process is not None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + self._settings.serve_timeout + 5
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ServingError: when the address is taken or not of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        raise ServingError(
            f"cannot listen: {error.strerror or error}.", where=f"{host}:{port}", do="Give another --host or --port."
        ) from None
    listening.set_inheritable(True)
    return listening


def serve(settings: Settings, *, host: str, port: int, workers: int, say: Callable[[str], None], ready: Path | None = None) -> int:
    """Open the socket and run workers behind it; returns an exit code.

    ``ready`` is a file that is given the server's URL once the socket is open.
    """
    listening = open_socket(host, port)
    bound = listening.getsockname()
    shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
    url = f"http://{shown}:{bound[1]}"
    say(f"prediction server: {url} ({workers} worker{'s' if workers > 1 else ''}, environment {settings.environment})")
    if ready is not None:
        ready.write_text(url, encoding="utf-8")
    record = Record(settings, PREDICTIONS, url)
    try:
        return Supervisor(settings, listening, workers, say).run()
    finally:
        record.end()
        listening.close()
