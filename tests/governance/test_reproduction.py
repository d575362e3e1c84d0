"""A kept definition is read back as it was declared."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_assets.governance.reproduction import recorded_definition
from mlops_assets.spec.checking.check import check_project
from mlops_assets.spec.digest import definition, spec_digest
from mlops_assets.spec.windows import model_windows

CATALOGUE, _ = check_project(Path(__file__).parents[2])

PYTHON = """
type: mlops_assets.Dataset
attributes: {name: rows, source: {python: {function: ".code:rows"}}, columns: {x: {type: float64}, y: {type: bool}}}
---
type: mlops_assets.Model
attributes: {name: guess, task: binary_classification, examples: {from: rows, target: y}, training: {estimator: {lightgbm: {}}}}
"""


@pytest.mark.parametrize("name", sorted(CATALOGUE.models))
def test_every_definition_of_this_project_is_the_same_when_it_is_read_back(name: str) -> None:
    then, changed = recorded_definition(definition(name, CATALOGUE), CATALOGUE)
    assert changed == []
    assert spec_digest(name, then) == spec_digest(name, CATALOGUE)
    assert model_windows(then.models[name], then) == model_windows(CATALOGUE.models[name], CATALOGUE)


def test_a_function_that_is_another_one_now_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "definitions" / "guess"
    folder.mkdir(parents=True)
    (folder / "defs.yaml").write_text(PYTHON)
    (folder / "code.py").write_text("def rows(window):\n    return []\n")
    catalogue, problems = check_project(tmp_path)
    assert not problems, problems
    kept = definition("guess", catalogue)
    assert recorded_definition(kept, catalogue)[1] == []
    (folder / "code.py").write_text("def rows(window):\n    return [1]\n")
    assert recorded_definition(kept, catalogue)[1] == ["function .code:rows of rows"]
    (folder / "code.py").unlink()
    assert recorded_definition(kept, catalogue)[1] == ["function .code:rows of rows"]
