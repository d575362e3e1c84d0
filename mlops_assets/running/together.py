"""Several services as one: started together, stopped together, and stopped when one of them ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_assets.errors import CRASHED, MlopsError
from mlops_assets.serving.services import DAGSTER, MLFLOW, PREDICTIONS, Record
from mlops_assets.serving.supervisor import open_socket

if TYPE_CHECKING:
    from mlops_assets.settings import Settings

PATIENCE = 20.0
"""Seconds that a service gets to end before it is killed."""


@dataclass(frozen=True)
class Service:
    """One program: its name, what it is started with, and where people find it."""

    name: str
    command: Sequence[str]
    url: str
    environment: Mapping[str, str] = field(default_factory=dict)


def services(settings: Settings, *, port: int | None, dagster_port: int, mlflow_port: int, workers: int) -> list[Service]:
    """Dagster's UI and daemon, the prediction server, and MLflow's UI over the project's stores, on addresses of this machine.

    Without a ``port`` the prediction server is left out.

    Raises:
        ServingError: when a port is taken.
        MlopsError: when the project has no workspace.yaml.
    """
    host, python = settings.serve_host, sys.executable
    workspace = settings.project / "workspace.yaml"
    if not workspace.is_file():
        raise MlopsError("there is no workspace.yaml.", where=str(settings.project), do="`mlops init DIR` makes a project with one.")
    for taken, at in (("127.0.0.1", dagster_port), (host, port), ("127.0.0.1", mlflow_port)):
        if at is not None:
            open_socket(taken, at).close()
    settings.home.mkdir(parents=True, exist_ok=True)
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    common = {
        "MLOPS_PROJECT": str(settings.project),
        "MLOPS_ENVIRONMENT": settings.environment,
        "DAGSTER_HOME": str(settings.dagster_home),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    dagster = ["dagster", "dev", "--workspace", str(workspace), "--host", "127.0.0.1", "--port", str(dagster_port)]
    serve = ["mlops_assets", "serve", "--project", str(settings.project), "--environment", settings.environment]
    serve += ["--host", host, "--port", str(port), "--workers", str(workers)]
    mlflow = ["mlflow", "ui", "--backend-store-uri", settings.mlflow_tracking_uri, "--workers", "1"]
    mlflow += ["--host", "127.0.0.1", "--port", str(mlflow_port)]
    if settings.mlflow_tracking_uri.startswith(("http://", "https://")):
        found = [Service(MLFLOW, (), settings.mlflow_tracking_uri)]
    else:
        found = [Service(MLFLOW, [python, "-m", *mlflow], f"http://127.0.0.1:{mlflow_port}", common)]
    return [
        Service(DAGSTER, [python, "-m", *dagster], f"http://127.0.0.1:{dagster_port}", common),
        *([Service(PREDICTIONS, [python, "-m", *serve], f"http://{host}:{port}", common)] if port is not None else []),
        *found,
    ]


def run_together(started: Sequence[Service], say: Callable[[str], None], settings: Settings | None = None) -> int:
    """Run services until SIGINT or SIGTERM (0), or until one of them ends (3); none is left behind.

    A service without a command runs elsewhere; only its place is said. With the ``settings`` of a project, Dagster and MLflow leave a
    record that they run; the prediction server leaves its own.
    """
    stopping = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopping
        stopping = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    running: list[tuple[Service, subprocess.Popen[bytes]]] = []
    try:
        for service in started:
            if service.command:
                # A session of its own: Ctrl-C reaches this process alone, which stops them in order.
                record = Record(settings, service.name, service.url) if settings and service.name in (DAGSTER, MLFLOW) else None
                process = subprocess.Popen(
                    service.command,
                    env={**os.environ, **service.environment},
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    pass_fds=(record.descriptor,) if record else (),
                )
                if record:
                    record.hand_over()
                running.append((service, process))
            say(f"{service.name}: {service.url}")
        while not stopping:
            for service, process in running:
                if process.poll() is not None:
                    say(f"{service.name} ended with exit code {process.returncode}; the others are stopped")
                    return CRASHED
            time.sleep(0.1)
        return 0
    finally:
        _end([process for _, process in running])
        for number, handler in previous.items():
            signal.signal(number, handler)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, deadline - time.monotonic()))
        # Whatever is left of its session, its children among them.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
