"""Which services of a project run now, and where: each leaves a record that counts as long as its process lives and its port answers as it.

A record is a file that the process holds a lock on. The operating system lets go of the lock when the process ends, however it ends, so a
record that nobody holds is of a process that is gone, whatever process has its number or its port since.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import re
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mlops_assets.settings import Settings

DAGSTER, PREDICTIONS, MLFLOW = "Dagster", "predictions", "MLflow"
PATIENCE = 1.0
"""Seconds that a service may take to say what it is."""

_SAYS_WHAT_IT_IS: Mapping[str, tuple[str, str]] = {
    DAGSTER: ("/server_info", r'"dagster_webserver_version"'),
    PREDICTIONS: ("/v2", r'"mlops-assets"'),
    MLFLOW: ("/version", r"\A\s*\d+\.\d+"),
}
"""By service, a path that asks for no key, and what its answer holds."""


@dataclass(frozen=True)
class Running:
    """A service that runs: its name, where it is found, and whether it answers without a key."""

    name: str
    url: str
    anonymous: bool = False


class Record:
    """That a service of this project runs, for as long as the object or a process that was given ``descriptor`` lives."""

    def __init__(self, settings: Settings, name: str, url: str) -> None:
        folder = _folder(settings)
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / f"{name.lower()}-{uuid.uuid4().hex[:12]}.json"
        body = {"name": name, "url": _reachable(url), "of": _subject(settings, name), "anonymous": settings.serve_anonymous}
        unseen = self.file.with_suffix(".new")
        self.descriptor = os.open(unseen, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        os.write(self.descriptor, json.dumps({**body, "host": socket.gethostname(), "pid": os.getpid()}).encode())
        unseen.replace(self.file)

    def hand_over(self) -> None:
        """Leave the record to the process that was started with ``descriptor``: it ends with that one."""
        os.close(self.descriptor)

    def end(self) -> None:
        """Say that the service runs no more."""
        self.file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


def running(settings: Settings) -> dict[str, Running]:
    """By name, the services that run now and answer: of this project, its environment and its stores, on this machine.

    MLflow and Dagster also count where the settings say that they are elsewhere, and they answer there.
    """
    found: dict[str, Running] = {}
    for name, url in _elsewhere(settings).items():
        if _answers(name, url):
            found[name] = Running(name, url)
    for file in sorted(_folder(settings).glob("*.json")):
        body = _held(file)
        if body is None or body["host"] != socket.gethostname() or body["of"] != _subject(settings, body["name"]):
            continue
        one = Running(body["name"], body["url"], body["anonymous"])
        if one.name not in found and _answers(one.name, one.url):
            found[one.name] = one
    return found


def _folder(settings: Settings) -> Path:
    return settings.home / "services"


def _subject(settings: Settings, name: str) -> str:
    """What a service is about, so that one of another environment or over other stores is not taken for it."""
    about = {PREDICTIONS: settings.environment, MLFLOW: settings.mlflow_tracking_uri, DAGSTER: str(settings.dagster_home.resolve())}
    return hashlib.sha256(about[name].encode()).hexdigest()[:16]


def _reachable(url: str) -> str:
    """The address of this machine where a service listens on all of them."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _elsewhere(settings: Settings) -> dict[str, str]:
    found = {}
    if settings.mlflow_tracking_uri.startswith(("http://", "https://")):
        found[MLFLOW] = re.sub(r"//[^/@]*@", "//", settings.mlflow_tracking_uri)
    for name, setting in ((MLFLOW, "mlflow_ui"), (DAGSTER, "dagster_ui")):
        if getattr(settings, setting) != type(settings).model_fields[setting].default:
            found[name] = getattr(settings, setting)
    return {name: url.rstrip("/") for name, url in found.items()}


def _held(file: Path) -> dict[str, Any] | None:
    """What a record says, if a process holds it; one that nobody holds is removed."""
    try:
        descriptor = os.open(file, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(ValueError, OSError):
            body: dict[str, Any] = json.loads(os.read(descriptor, 65536))
            return body if body.get("name") in _SAYS_WHAT_IT_IS and {"url", "host", "of", "anonymous"} <= {*body} else None
        return None
    else:
        file.unlink(missing_ok=True)
        return None
    finally:
        os.close(descriptor)


def _answers(name: str, url: str) -> bool:
    """Whether what listens at ``url`` says that it is the service of that name."""
    path, wanted = _SAYS_WHAT_IT_IS[name]
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    try:
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
        try:
            connection.request("GET", parts.path.rstrip("/") + path)
            answer = connection.getresponse()
            return answer.status == 200 and re.search(wanted, answer.read(65536).decode("utf-8", "replace")) is not None
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException):
        return False
