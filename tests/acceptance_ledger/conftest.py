"""A small project with people who hold keys, and the command line on it in this process."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import math
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.cli import main
from mlops_assets.cli.init import create_project
from mlops_assets.lifecycle.workspace import open_workspace
from mlops_assets.registry import open_registry
from tests.copies import copy_project

DEFINITIONS = """
type: mlops_assets.Dataset
attributes:
  name: visits
  source: {csv: data/visits.csv}
  partitions: {every: month, start: 2024-01-01, end: 2025-01-01}
  event_time: day
  primary_key: [visit_id]
  columns: {visit_id: {type: int64, unique: true}, day: {type: date}, age: {type: float64}, spent: {type: float64}, left: {type: bool}}
---
type: mlops_assets.Model
attributes:
  name: churn
  description: Does a visitor leave for good?
  owner: team:growth
  intended_use: Ranking visitors. Not for prices.
  risk: limited
  task: binary_classification
  examples: {from: visits, target: left, label_delay: 1 month}
  training: {window: 7 months, holdout: 2 months, seed: 3, estimator: {lightgbm: {num_leaves: 5, num_boost_round: 30, learning_rate: 0.1}}}
  gates: [{metric: roc_auc, at_least: 0.6}]
"""


def visits(rows_a_month: int = 260) -> str:
    """Visits of a year, whose end depends on age and on what was spent."""
    chance = random.Random(5)
    lines, number = ["visit_id,day,age,spent,left"], 0
    for month in range(12):
        for _ in range(rows_a_month):
            number += 1
            age, spent = chance.gauss(0, 1), chance.gauss(0, 1)
            left = chance.random() < 1 / (1 + math.exp(-1.2 * age - 0.8 * spent))
            day = date(2024, month + 1, 1) + timedelta(days=chance.randrange(28))
            lines.append(f"{number},{day},{age:.6f},{spent:.6f},{str(left).lower()}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Answer:
    """What a command did: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


class Project:
    """A project folder that works in prod; ``keys`` holds the API key of each principal by name."""

    def __init__(self, folder: Path, database: Path, settings: str = "") -> None:
        self.folder = folder
        create_project(folder)
        shutil.rmtree(folder / "definitions" / "diabetes")
        (folder / "definitions" / "churn").mkdir()
        (folder / "definitions" / "churn" / "defs.yaml").write_text(DEFINITIONS)
        (folder / "data").mkdir(exist_ok=True)
        (folder / "data" / "visits.csv").write_text(visits())
        with (folder / "pyproject.toml").open("a") as file:
            file.write(f"\n{settings}")
        for home in ("", "dev", "test", "prod") if settings else ("",):
            (folder / ".mlops" / home).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(database, folder / ".mlops" / home / "mlflow.db")
        self.keys: dict[str, str] = {}

    def mlops(self, *words: str, who: str | None = None, code: int = 0, **environment: str) -> Answer:
        """Run `mlops WORDS` as a process of its own would, with the key of ``who``; its exit code must be ``code``."""
        open_workspace.cache_clear()
        out, err, before = io.StringIO(), io.StringIO(), dict(os.environ)
        argv, sys.argv = sys.argv, ["mlops", *words, "--project", str(self.folder)]
        os.environ.update(
            {"MLOPS_ENVIRONMENT": "prod"} | environment,
            DAGSTER_HOME=str(self.folder / "dagster_home"),
            **({"MLOPS_KEY": self.keys[who]} if who else {}),
        )
        found = 0
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main.run()
        except SystemExit as ended:
            found = int(ended.code or 0)
        finally:
            sys.argv = argv
            os.environ.clear()
            os.environ.update(before)
        assert found == code, (words, found, out.getvalue(), err.getvalue())
        return Answer(found, out.getvalue(), err.getvalue())

    def copied(self, to: Path) -> Project:
        """The same project in another folder, for a test that leaves it otherwise than it was."""
        again = copy.copy(self)
        again.folder = copy_project(self.folder, to)
        return again

    def hire(self, name: str, role: str, *words: str) -> None:
        """Make a principal with a key."""
        self.keys[name] = self.mlops("principals", "add", name, "--role", role, "--json", *words).document["key"]


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; making one takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    open_registry(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts"), experiment="template")
    return folder / "mlflow.db"


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Callable[..., Project]:
    """Makes projects; tables of settings may be given."""
    return lambda settings="": Project(tmp_path_factory.mktemp("projects") / "project", database, settings)


@pytest.fixture(scope="package", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("MLOPS_", "DAGSTER_HOME"))]:
            patch.delenv(name)
        yield
