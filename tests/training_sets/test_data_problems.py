"""What rows of examples do not bear out of a definition: everything in one go."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from mlops_assets.data.training_sets.problems import example_problems
from mlops_assets.spec import Dataset, Model

ROWS: dict[str, Any] = {
    "x": [n / 3 for n in range(90)],
    "shop": ["a", "b", "c"] * 30,
    "w": [1.0] * 90,
    "y": ["no", "yes", "yes"] * 30,
}


def problems(model: dict[str, Any] | None = None, columns: dict[str, Any] | None = None, **rows: Any) -> dict[str, str]:
    declared = {"name": "m", "task": "binary_classification", "positive": "yes", "examples": {"from": "d", "target": "y"}, **(model or {})}
    dataset = Dataset.model_validate({"name": "d", "source": {"csv": "d.csv"}, "columns": columns or {}})
    table = pa.table({name: values for name, values in {**ROWS, **rows}.items() if values is not None})
    found = example_problems(Model.model_validate(declared), dataset, table)
    return {".".join(map(str, problem.path)): f"{problem.severity}: {problem.found}. {problem.do or ''}" for problem in found}


def test_sound_rows_have_none() -> None:
    assert problems() == {}
    assert problems({"task": "regression", "positive": None}, y=[float(n) for n in range(90)]) == {}
    assert problems({"positive": None}, y=[True, False, True] * 30) == {}
    assert problems({"training": {"weights": "w", "group_by": "shop"}}) == {}


@pytest.mark.parametrize(
    ("model", "rows", "path", "says"),
    [
        ({}, {"y": None}, "examples.target", "has no column 'y'"),
        ({}, {"y": pa.nulls(90, pa.string())}, "examples.target", "no value in any of 90 rows"),
        ({}, {"y": ["yes"] * 90}, "examples.target", "has only the value 'yes'"),
        ({}, {"y": ["yes", "no", "?"] * 30}, "examples.target", "has 3 ('?', 'no', 'yes')"),
        ({"positive": "Ja"}, {}, "positive", "Write `positive: yes`"),
        ({"positive": None}, {}, "task", "Write `positive: yes`"),
        ({"task": "regression", "positive": None}, {}, "examples.target", "regression cannot predict"),
        (
            {"task": "multiclass_classification", "positive": None},
            {"y": list(range(90)) * 20, "x": None, "shop": None, "w": None},
            None,
            "",
        ),
        ({"examples": {"from": "d", "target": "y", "exclude": ["gone"]}}, {}, "examples.exclude.0", "no column 'gone'"),
        ({"examples": {"from": "d", "target": "y", "include": ["x", "gone"]}}, {}, "examples.include.1", "no column 'gone'"),
        ({"training": {"group_by": "gone"}}, {}, "training.group_by.0", "no column 'gone'"),
        ({"training": {"weights": "gone"}}, {}, "training.weights", "no column 'gone'"),
        ({"training": {"weights": "shop"}}, {}, "training.weights", "not a number"),
        ({"training": {"weights": "w"}}, {"w": [-1.0] * 90}, "training.weights", "missing or negative"),
        ({"gates": [{"metric": "roc_auc", "slice": "gone", "at_least": 0.5}]}, {}, "gates.0.slice", "no column 'gone'"),
        (
            {"gates": [{"fairness": "demographic_parity_ratio", "attribute": "gone", "at_least": 0.5}]},
            {},
            "gates.0.attribute",
            "no column 'gone'",
        ),
        ({}, {"x": [f"{n}.5" for n in range(89)] + ["n/a"]}, "columns", 'x: {type: float64, nullable: true, missing: ["n/a"]}'),
        ({}, {"shop": [f"shop {n}" for n in range(90)]}, "columns", "exclude: [shop]"),
        ({}, {"n": list(range(90))}, "examples", "numbers the rows through"),
    ],
)
def test_each_is_told_at_its_key(model: dict[str, Any], rows: dict[str, Any], path: str | None, says: str) -> None:
    found = problems(model, **rows)
    assert ([*found] == [path] and says in found[path]) if path else found == {}


def test_all_of_them_come_together() -> None:
    model = {"positive": "Ja", "examples": {"from": "d", "target": "y", "exclude": ["gone"]}, "training": {"weights": "shop"}}
    assert {*problems(model, x=[f"{n}.5" for n in range(89)] + ["-"])} == {"positive", "examples.exclude.0", "training.weights", "columns"}


def test_a_declared_column_or_one_that_is_no_feature_is_a_decision() -> None:
    keys = [f"shop {n}" for n in range(90)]
    assert problems(columns={"shop": {"type": "category"}}, shop=keys) == {}
    assert problems({"examples": {"from": "d", "target": "y", "exclude": ["shop"]}}, shop=keys) == {}
    assert problems({"entity": "shop"}, shop=keys) == {}
    assert problems({"examples": {"from": "d", "target": "y", "include": ["x"]}}, shop=keys) == {}


def test_of_a_part_of_the_rows_one_class_is_a_warning() -> None:
    dataset = Dataset.model_validate({"name": "d", "source": {"csv": "d.csv"}})
    model = Model.model_validate({"name": "m", "task": "binary_classification", "examples": {"from": "d", "target": "y"}})
    (problem,) = example_problems(model, dataset, pa.table({**ROWS, "y": ["yes"] * 90}), complete=False)
    assert problem.severity == "warning"
