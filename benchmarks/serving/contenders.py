"""This server, its variants and the echo application, as processes to measure."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from benchmarks.serving.running import Contender, Row
from benchmarks.serving.scratch import FEATURES, MODEL
from benchmarks.serving.variants import settings_without

REPOSITORY = Path(__file__).resolve().parents[2]


def own_body(rows: Sequence[Row]) -> bytes:
    """Rows in the server's own form."""
    return json.dumps({"data": list(rows)}).encode()


def own_predictions(answer: bytes) -> list[float]:
    """Predictions of an answer in the server's own form."""
    predictions: list[float] = msgspec.json.decode(answer)["predictions"]
    return predictions


def _own(name: str, command: Sequence[str], key: str | None, environment: dict[str, str]) -> Contender:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    variables = {"PYTHONPATH": str(REPOSITORY), **environment}
    return Contender(name, command, f"/models/{MODEL}/predict", own_body, own_predictions, headers, variables)


def mlflow_body(rows: Sequence[Row]) -> bytes:
    """Rows in MLflow's form, columns and values apart."""
    return json.dumps({"dataframe_split": {"columns": list(FEATURES), "data": [list(row.values()) for row in rows]}}).encode()


def server(project: Path, key: str, *, workers: int = 1, form: Literal["own", "mlflow"] = "own") -> Contender:
    """`mlops serve` with typed validation, key check, journal and metrics, asked in its own form or in MLflow's."""
    run = [sys.executable, "-m", "mlops_assets", "serve"]
    name = f"mlops serve, {workers} worker{'s' if workers > 1 else ''}"
    run += ["--project", str(project), "--environment", "test", "--port", "{port}", "--workers", str(workers)]
    asked = _own(name, run, key, {})
    return asked if form == "own" else replace(asked, name=f"{name}, /invocations", path="/invocations", body=mlflow_body)


def variant(project: Path, key: str, without: str | None) -> Contender:
    """One worker without one of its duties, or with all of them."""
    run = [sys.executable, "-c", "from benchmarks.serving.variants import main; main()", "--project", str(project), "--port", "{port}"]
    run += [] if without is None else ["--without", without]
    name = "all on" if without is None else f"without {without}"
    return _own(name, run, None if without == "identity" else key, settings_without(without))


def echo(*, workers: int = 1) -> Contender:
    """The echo application on the stack that the server stands on."""
    run = [sys.executable, "-c", "from benchmarks.serving.echo import main; main()", "--port", "{port}"]
    name = f"echo (uvicorn), {workers} worker{'s' if workers > 1 else ''}"
    variables: dict[str, Any] = {"PYTHONPATH": str(REPOSITORY)}
    return Contender(name, [*run, "--workers", str(workers)], "/", own_body, None, {}, variables)
