"""Other servers with the same pipeline, each in an environment of its own below a scratch folder."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.serving.contenders import mlflow_body
from benchmarks.serving.peers.model import MLFLOW, PIPELINE
from benchmarks.serving.running import Contender, Row
from benchmarks.serving.scratch import FEATURES

SAME = ("lightgbm", "mlflow", "numpy", "pandas", "scikit-learn")
"""Packages that every environment has in the version of this one."""

PACKAGES = {"bentoml": ("bentoml",), "mlserver": ("mlserver", "mlserver-mlflow")}
INSTALL_TIMEOUT = 1800


def install(folder: Path) -> dict[str, str]:
    """Make the environments that are missing; returns why one could not be made, by its name."""
    from importlib.metadata import version

    problems = {}
    for name, packages in PACKAGES.items():
        python = folder / name / "bin" / "python"
        done = folder / name / "installed"
        if done.exists():
            continue
        same = [f"{package}=={version(package)}" for package in SAME if package != "mlflow" or name == "mlserver"]
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder / name)], check=True, capture_output=True, timeout=300)
            command = [str(python), "-m", "pip", "install", "--quiet", *packages, *same]
            subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_TIMEOUT)
            done.write_text(" ".join(command))
        except (subprocess.SubprocessError, OSError) as error:
            said = getattr(error, "stderr", None) or b""
            problems[name] = f"{error} {said.decode(errors='replace')[-300:]}".strip()
    return problems


def contenders(environments: Path, models: Path, installed: Sequence[str]) -> Iterator[Contender]:
    """All peers whose environment is there; ``models`` is where the pipeline was written."""
    for workers in (1, 2):
        yield _mlflow(models, workers)
    if "mlserver" in installed:
        yield _mlserver(environments / "mlserver", models)
    if "bentoml" in installed:
        for workers in (1, 2):
            yield _bentoml(environments / "bentoml", models, workers)


def _mlflow(models: Path, workers: int) -> Contender:
    """`mlflow models serve` of this environment."""
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(models / MLFLOW), "--env-manager", "local"]
    command += ["-h", "127.0.0.1", "-p", "{port}", "-w", str(workers)]

    def read(answer: bytes) -> list[float]:
        return [pair[1] for pair in json.loads(answer)["predictions"]]

    variables = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true", "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    return Contender(f"mlflow models serve, {_workers(workers)}", command, "/invocations", mlflow_body, read, {}, variables)


def _mlserver(environment: Path, models: Path) -> Contender:
    """MLServer's MLflow runtime, which makes batches of what comes within 10 ms."""
    folder = models / "mlserver"
    folder.mkdir(exist_ok=True)
    settings = {"parallel_workers": 0, "debug": False, "host": "127.0.0.1"}
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {
        "name": "scoring",
        "implementation": "mlserver_mlflow.MLflowRuntime",
        "parameters": {"uri": str(models / MLFLOW)},
        "max_batch_size": 32,
        "max_batch_time": 0.01,
    }
    (folder / "model-settings.json").write_text(json.dumps(model))

    def body(rows: Sequence[Row]) -> bytes:
        inputs = []
        for name, kind in FEATURES.items():
            values = [row[name] for row in rows]
            text = kind == "category"
            column = {"name": name, "shape": [len(rows), 1], "datatype": "BYTES" if text else "FP64", "data": values}
            inputs.append({**column, "parameters": {"content_type": "str"}} if text else column)
        return json.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs}).encode()

    def read(answer: bytes) -> list[float]:
        numbers: list[float] = json.loads(answer)["outputs"][0]["data"]
        return numbers[1::2]

    variables = {"MLSERVER_HTTP_PORT": "{port}", "MLSERVER_GRPC_PORT": "0", "MLSERVER_METRICS_PORT": "0"}
    variables["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "true"
    command = [str(environment / "bin" / "mlserver"), "start", str(folder)]
    return Contender("MLServer mlflow, batching", command, "/v2/models/scoring/infer", body, read, {}, variables)


def _bentoml(environment: Path, models: Path, workers: int) -> Contender:
    """BentoML with adaptive batching."""
    command = [str(environment / "bin" / "bentoml"), "serve", "bento_service:Scoring", "--host", "127.0.0.1", "--port", "{port}"]

    def body(rows: Sequence[Row]) -> bytes:
        return json.dumps({"rows": list(rows)}).encode()

    def read(answer: bytes) -> list[float]:
        numbers: list[float] = json.loads(answer)
        return numbers

    variables = {"PEER_MODEL": str(models / PIPELINE), "PEER_WORKERS": str(workers), "BENTOML_DO_NOT_TRACK": "True"}
    variables["BENTOML_HOME"] = str(models / "bentoml")
    return Contender(f"BentoML batching, {_workers(workers)}", command, "/predict", body, read, {}, variables, Path(__file__).parent)


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count > 1 else ''}"
