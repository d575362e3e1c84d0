"""`mlops init`: a project that is valid, in a folder that was free."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mlops_assets.cli import init
from mlops_assets.cli.init import InitError, create_project
from mlops_assets.settings import find_project
from mlops_assets.spec.reading.loading import load_catalogue


def test_a_new_project_holds_a_valid_example(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "My Models"
    made = create_project(folder)
    assert made == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert {".gitignore", "README.md", "pyproject.toml", "workspace.yaml", "dagster_home/dagster.yaml"} < set(made)
    assert find_project(folder) == folder.resolve()
    catalogue, problems = load_catalogue(folder)
    assert problems == []
    assert list(catalogue.models) == ["progression"]
    assert tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"] == "my-models"


def test_an_empty_folder_is_free(tmp_path: Path) -> None:
    assert create_project(tmp_path)


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InitError, match="not empty"):
        create_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for folder in (file, file / "below"):
        with pytest.raises(InitError, match="file"):
            create_project(folder)


def test_the_command_says_what_was_made_and_what_comes_next(tmp_path: Path) -> None:
    app = typer.Typer()
    init.register(app)
    app.command("other")(lambda: None)
    done = CliRunner().invoke(app, ["init", str(tmp_path / "project")])
    assert done.exit_code == 0
    assert "definitions/diabetes/defs.yaml" in done.stdout
    assert "mlops run progression" in done.stdout
