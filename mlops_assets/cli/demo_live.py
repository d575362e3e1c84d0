"""The prediction server of a demonstration and the customers who ask it, each a process of its own, as in a deployment."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace

CALLER = "shop-web"
"""Principal whose key the customers' requests carry."""
PATIENCE = 60.0
"""Seconds that the server gets to come up, and to answer with a version."""


@dataclass(frozen=True)
class Answers:
    """What came of requests over some time.

    Attributes:
        asked, failed: requests; those without an answer of status 200, by reason.
        latency_ms: p50, p99 and max of the answers, from when a request was due.
        versions: by version, how many answers, and when the first and the last came (UTC, by the wall's clock).
    """

    asked: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)
    versions: dict[int, tuple[int, datetime, datetime]] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """How many failed."""
        return sum(self.failed.values())

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Answers:
        """As :mod:`mlops_assets.examples.traffic` reports it."""
        versions = {int(v): (n, _moment(first), _moment(last)) for v, (n, first, last) in body["versions"].items()}
        return cls(body["asked"], body["failed"], body["latency_ms"], versions)


class Live:
    """A server that answers, and customers who ask it as long as they are told to."""

    def __init__(self, server: subprocess.Popen[bytes], traffic: subprocess.Popen[str], url: str, log: Path) -> None:
        self.url = url
        self._server, self._traffic, self._log = server, traffic, log

    def ask(self, customers: Sequence[Any], rate: float) -> None:
        """Let these customers ask in turn, ``rate`` a second, until told otherwise; nobody asks at 0."""
        self._tell({"ask": list(customers), "rate": rate})

    def report(self) -> Answers:
        """What came of requests since the last report.

        Raises:
            MlopsError: when the server or the customers' process has ended.
        """
        if self._server.poll() is not None:
            raise MlopsError("the prediction server has ended.", where=str(self._log), do="Its log says why.")
        self._tell({"report": True})
        line = _of(self._traffic.stdout).readline()
        if not line:
            raise MlopsError("the process of the customers has ended.")
        return Answers.from_json(json.loads(line))

    def wait_for(self, version: int, customer: Any) -> None:
        """Return as soon as ``version`` answers.

        Raises:
            MlopsError: when it takes too long.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.ask([customer], 5)
            time.sleep(0.3)
            self.ask([customer], 0)
            if version in self.report().versions:
                return
        raise MlopsError(f"version {version} does not answer.", where=self.url, do=f"The server's log is {self._log}.")

    def _tell(self, command: dict[str, Any]) -> None:
        stream = _of(self._traffic.stdin)
        stream.write(json.dumps(command) + "\n")
        stream.flush()


@contextmanager
def live(workspace: Workspace, model: str) -> Iterator[Live]:
    """`mlops serve` on a free port, and customers with a key of their own; both end with the context.

    Raises:
        MlopsError: when the server does not come up.
    """
    from mlops_assets.governance.principals import add_key, os_user

    settings = workspace.settings
    key, _ = add_key(workspace.ledger, os_user(), CALLER, ["caller"])
    ready, log = settings.home / "server.url", settings.home / "server.log"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "mlops_assets", "serve", "--project", str(settings.project), "--environment", settings.environment]
    command += ["--port", "0", "--workers", "1", "--ready", str(ready)]
    entity = workspace.catalogue.models[model].entity[0]
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("wb"))
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        stack.callback(_end, server)
        url = _url(server, ready, log)
        host, port = urlsplit(url).hostname, urlsplit(url).port
        asking = [sys.executable, "-m", "mlops_assets.examples.traffic", "--host", str(host), "--port", str(port)]
        asking += ["--path", f"/models/{model}/predict", "--entity", entity]
        traffic = subprocess.Popen(
            asking,
            env={**os.environ, "MLOPS_KEY": key},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            start_new_session=True,
        )
        stack.callback(_end, traffic)
        yield Live(server, traffic, url, log)


def _url(server: subprocess.Popen[bytes], ready: Path, log: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        if ready.is_file() and (url := ready.read_text(encoding="utf-8")):
            return url
        time.sleep(0.05)
    raise MlopsError("the prediction server does not come up.", where=str(log), do="Its log says why.")


def _end(process: subprocess.Popen[Any]) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _of(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _moment(wall: int) -> datetime:
    return datetime.fromtimestamp(wall / 1e6, UTC)
