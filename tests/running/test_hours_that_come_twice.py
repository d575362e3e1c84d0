"""`mlops run` of a model whose partition is the second hour of an October night."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from mlops_assets.cli.main import app
from mlops_assets.errors import MlopsError
from tests.components.project import make_project

DEFINITIONS = """
type: mlops_assets.Dataset
attributes:
  name: calls
  source: {parquet: calls.parquet}
  partitions: {every: hour, start: 2024-10-26, end: 2024-10-28, timezone: Europe/Berlin}
  event_time: at
---
type: mlops_assets.Model
attributes:
  name: wait
  task: regression
  examples: {from: calls, target: y, label_delay: 0d}
  training: {window: 12h, holdout: 3h, estimator: {lightgbm: {num_boost_round: 5}}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = make_project(tmp_path / "calls", DEFINITIONS)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    first = datetime(2024, 10, 26, tzinfo=UTC)
    draw = np.random.default_rng(1)
    at = [first + timedelta(minutes=2 * number) for number in range(40 * 30)]
    x = draw.random(len(at))
    pd.DataFrame({"at": at, "x": x, "y": 3 * x + 0.1 * draw.random(len(at))}).to_parquet(folder / "calls.parquet")
    return folder


def test_a_model_is_run_and_shown_at_the_second_hour(project: Path) -> None:
    second = "2024-10-27-02:00+0100"
    for word in (second, "2024-10-27T01:30+00:00"):
        told = CliRunner().invoke(app, ["run", "wait", "--as-of", word, "--json", "--project", str(project)])
        assert told.exit_code in (0, 1), told.output
        report = json.loads(told.stdout)
        assert report["as_of"] == second, report
        assert report["verdict"] is not None, report
    shown = json.loads(CliRunner().invoke(app, ["store", "ls", "calls", "--json", "--project", str(project)]).stdout)["partitions"]
    assert [one["partition"] for one in shown][-2:] == ["2024-10-27-02:00", second]
    assert {one["rows"] for one in shown} == {30}
    told = CliRunner().invoke(app, ["store", "history", "calls", second, "--json", "--project", str(project)])
    assert len(json.loads(told.stdout)["versions"]) == 1


@pytest.mark.parametrize("word", ["2024-10-27-02:00+0200", "2024-03-31-02:00", "2024-10-28-00:00"])
def test_an_hour_that_never_was_is_refused(project: Path, word: str) -> None:
    told = CliRunner().invoke(app, ["run", "wait", "--as-of", word, "--project", str(project)])
    assert isinstance(told.exception, MlopsError)
    assert told.exception.exit_code == 2
    assert "2024-10-26-00:00 to 2024-10-27-23:00" in str(told.exception)
