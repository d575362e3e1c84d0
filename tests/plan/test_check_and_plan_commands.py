"""`mlops check` and `mlops plan` as a person or a CI job uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mlops_assets.cli import check, plan
from mlops_assets.errors import MlopsError

HEALTHY = """\
type: mlops_assets.Dataset
attributes:
  name: census
  source: {csv: census.csv}
---
type: mlops_assets.Model
attributes:
  name: income
  task: binary_classification
  examples: {from: census, target: y}
"""


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)
    check.register(app)
    plan.register(app)
    return app


def project(folder: Path, text: str) -> str:
    home = folder / "definitions" / "census"
    home.mkdir(parents=True)
    (home / "defs.yaml").write_text(text)
    return str(folder)


def test_a_healthy_project_is_one_line(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", "--project", project(tmp_path, HEALTHY)])
    assert (result.exit_code, result.output) == (0, "no errors: 1 data set, 0 feature views, 1 model\n")


def test_each_problem_is_a_line_with_file_and_line_and_the_exit_code_is_1(app: typer.Typer, tmp_path: Path) -> None:
    text = HEALTHY.replace("from: census", "from: cencus").replace("task: binary", "taks: binary")
    result = CliRunner().invoke(app, ["check", "--project", project(tmp_path, text)])
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0].startswith("definitions/census/defs.yaml:9: error: taks: unknown key 'taks'. Did you mean `task`?")
    assert lines[1].startswith(
        "definitions/census/defs.yaml:10: error: examples.from: there is no data set 'cencus'. Did you mean `census`?"
    )
    assert lines[2:] == ["2 errors"]


def test_a_program_reads_one_document(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", "--json", "--project", project(tmp_path, HEALTHY.replace("name: income", "name: Income"))])
    document = json.loads(result.stdout)
    assert (result.exit_code, document["schema"], document["ok"]) == (1, 1, False)
    (problem,) = document["problems"]
    assert (problem["file"], problem["line"], problem["path"]) == ("definitions/census/defs.yaml", 8, "name")


def test_the_plan_is_text_or_json(app: typer.Typer, tmp_path: Path) -> None:
    folder = project(tmp_path, HEALTHY)
    text = CliRunner().invoke(app, ["plan", "income", "--project", folder])
    assert text.exit_code == 0
    assert "income/candidate" in text.output
    document = json.loads(CliRunner().invoke(app, ["plan", "income", "--json", "--project", folder]).stdout)
    assert [asset["key"] for asset in document["assets"]][:2] == ["census", "income/training_set"]


def test_a_plan_of_definitions_with_errors_is_refused(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["plan", "income", "--project", project(tmp_path, HEALTHY.replace("target", "taget"))])
    assert result.exit_code == 1


@pytest.mark.parametrize("command", [["plan", "incme"], ["check", "--gates", "incme"]])
def test_an_unknown_name_is_bad_use(app: typer.Typer, tmp_path: Path, command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--project", project(tmp_path, HEALTHY)])
    assert isinstance(result.exception, MlopsError)
    assert result.exception.exit_code == 2
    assert "income" in str(result.exception)
