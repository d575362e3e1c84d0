"""Small projects made from YAML, and the command line on them in this process."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.cli import main
from mlops_assets.cli.init import create_project
from mlops_assets.data.store import Store, open_store
from mlops_assets.lifecycle.workspace import open_workspace
from mlops_assets.registry import open_registry


@dataclass(frozen=True)
class Answer:
    """What a command did: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything that a person saw, with line ends as spaces."""
        return " ".join(f"{self.out} {self.err}".split())

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        found: dict[str, Any] = json.loads(self.out)
        return found


class Project:
    """A project folder with its own store, ledger, MLflow and Dagster instance."""

    def __init__(self, folder: Path, database: Path) -> None:
        self.folder = folder
        create_project(folder)
        shutil.rmtree(folder / "definitions" / "diabetes")
        (folder / ".mlops").mkdir()
        shutil.copyfile(database, folder / ".mlops" / "mlflow.db")

    def declare(self, name: str, text: str, **files: str) -> Path:
        """Write `definitions/NAME/defs.yaml`, and other files beside it (`rows_csv` becomes rows.csv); returns the file."""
        home = self.folder / "definitions" / name
        home.mkdir(parents=True, exist_ok=True)
        (home / "defs.yaml").write_text(text)
        for file, content in files.items():
            stem, _, ending = file.rpartition("_")
            (home / f"{stem}.{ending}").write_text(content)
        return home / "defs.yaml"

    def put(self, path: str, content: str) -> None:
        """Write a file of the project, such as data/rows.csv."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def mlops(self, *words: str) -> Answer:
        """Run `mlops WORDS` on this project as a new process would."""
        open_workspace.cache_clear()
        out, err, before = io.StringIO(), io.StringIO(), dict(os.environ)
        argv, sys.argv = sys.argv, ["mlops", *words, "--project", str(self.folder)]
        os.environ["DAGSTER_HOME"] = str(self.folder / "dagster_home")
        code = 0
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main.run()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            sys.argv = argv
            os.environ.clear()
            os.environ.update(before)
        return Answer(code, out.getvalue(), err.getvalue())

    @property
    def store(self) -> Store:
        """Its versioned store."""
        return open_store(str(self.folder / ".mlops" / "store"))


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; making one takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    open_registry(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts"), experiment="template")
    return folder / "mlflow.db"


@pytest.fixture
def new_project(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Callable[[], Project]:
    """Makes empty projects."""
    return lambda: Project(tmp_path_factory.mktemp("projects") / "project", database)


@pytest.fixture
def project(new_project: Callable[[], Project]) -> Project:
    """An empty project."""
    return new_project()
