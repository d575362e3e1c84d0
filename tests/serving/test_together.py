"""Several services as one, and `mlops up` itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from mlops_assets.errors import MlopsError
from mlops_assets.running.together import Service, run_together, services
from tests.serving.projects import Project

REPOSITORY = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def sleeping(seconds: float, code: int = 0) -> list[str]:
    return [sys.executable, "-c", f"import time, sys; time.sleep({seconds}); sys.exit({code})"]


def test_when_one_service_ends_the_others_are_stopped_and_it_says_which() -> None:
    said: list[str] = []
    code = run_together([Service("long", sleeping(60), "here"), Service("short", sleeping(0.2, 3), "there")], said.append)
    assert code == 3
    assert said == ["long: here", "short: there", "short ended with exit code 3; the others are stopped"]
    assert not [child for child in psutil.Process().children() if "time.sleep(60)" in " ".join(child.cmdline())]


def test_a_taken_port_is_told_before_anything_starts(project: Project) -> None:
    (project.folder / "workspace.yaml").write_text("load_from: []")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(MlopsError, match="Give another"):
            services(project.settings, port=free_port(), dagster_port=taken.getsockname()[1], mlflow_port=free_port(), workers=1)


def test_a_folder_without_a_workspace_is_told_how_to_get_one(project: Project) -> None:
    with pytest.raises(MlopsError, match="mlops init"):
        services(project.settings, port=1, dagster_port=2, mlflow_port=3, workers=1)


def test_up_starts_all_three_says_where_they_are_and_leaves_nothing_behind(project: Project) -> None:
    (project.folder / "workspace.yaml").write_text((REPOSITORY / "workspace.yaml").read_text())
    (project.folder / "dagster_home").mkdir()
    (project.folder / "dagster_home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    bundle = project.trained()
    project.promoted(bundle)
    ports = [free_port() for _ in range(3)]
    command = [sys.executable, "-m", "mlops_assets", "up", "--project", str(project.folder), "--port", str(ports[0])]
    command += ["--dagster-port", str(ports[1]), "--mlflow-port", str(ports[2])]
    with (project.folder / "up.log").open("wb") as log:
        environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        waiting = {
            f"http://127.0.0.1:{ports[0]}/health/ready",
            f"http://127.0.0.1:{ports[1]}/server_info",
            f"http://127.0.0.1:{ports[2]}/health",
        }
        deadline = time.monotonic() + 180
        while waiting:
            said = (project.folder / "up.log").read_text()
            assert process.poll() is None, said
            assert time.monotonic() < deadline, f"{waiting} did not answer: {said}"
            for url in list(waiting):
                try:
                    if httpx.get(url, timeout=2, trust_env=False).status_code == 200:
                        waiting.discard(url)
                except httpx.TransportError:
                    pass
            time.sleep(0.2)
        assert len(psutil.Process(process.pid).children(recursive=True)) >= 4
        said = (project.folder / "up.log").read_text()
        assert all(f"http://127.0.0.1:{port}" in said for port in ports)
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        code = process.wait(60)
    assert code == 0
    _, alive = psutil.wait_procs(family, 10)
    assert not alive
