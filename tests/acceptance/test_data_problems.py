"""All problems that a model has with its data come in one answer, located in both, before anything is trained."""

from __future__ import annotations

import json

import pytest

from .conftest import Project

DEFINITION = """
type: mlops_assets.Dataset
attributes:
  name: loans
  source: {csv: data/loans.csv}
  columns:
    age: {type: int64}
---
type: mlops_assets.Model
attributes:
  name: m
  task: binary_classification
  positive: POSITIVE
  examples: {from: loans, target: paid, exclude: [EXCLUDED]}
  training: {estimator: {lightgbm: {num_leaves: 4, num_boost_round: 20}}}
  gates:
    - {gate: calibration, off: true, reason: the numbers are made up}
"""


def loans(
    rows: int = 200, classes: tuple[str, str] = ("No", "Yes"), odd: dict[int, str] | None = None, age: dict[int, str] | None = None
) -> str:
    lines = ["ref,age,ratio,region,paid"]
    for n in range(rows):
        ratio, years = (odd or {}).get(n, f"{n * 7 % 31}.{n % 10}"), (age or {}).get(n, str(20 + n % 50))
        lines.append(f"L-{n:x}z,{years},{ratio},{'north' if n % 3 else 'south'},{classes[n * 7 % 31 > 15]}")
    return "\n".join(lines) + "\n"


def declared(project: Project, positive: str, excluded: str = "", definition: str = DEFINITION) -> None:
    project.declare("m", definition.replace("POSITIVE", positive).replace("EXCLUDED", excluded).lstrip("\n"))


def test_three_mistakes_are_told_in_one_run_with_their_places_and_nothing_is_trained(project: Project) -> None:
    declared(project, "good")
    project.put("data/loans.csv", loans(odd={5: "n/a", 18: "-"}))
    answer = project.mlops("run", "m")
    assert answer.code == 2
    told = [
        "3 problems of m with its data",
        "definitions/m/defs.yaml:5: error: columns: 'ratio' looks like numbers with 2 exceptions: ",
        "data/loans.csv:7 `n/a`, data/loans.csv:20 `-`.",
        'ratio: {type: float64, nullable: true, missing: ["n/a", "-"]}',
        "definitions/m/defs.yaml:5: error: columns: 'ref' has 200 different values in 200 rows",
        "definitions/m/defs.yaml:12: error: positive: positive is good, which the target 'paid' does not hold. Valid: No, Yes.",
        "`positive: Yes`",
    ]
    assert [words for words in told if words not in answer.text] == []
    assert project.store.current("m/training_set", None) is None


def test_what_the_answer_advises_works_when_it_is_pasted(project: Project) -> None:
    advised = DEFINITION.replace("  columns:\n", '  columns:\n    ratio: {type: float64, nullable: true, missing: ["n/a", "-"]}\n')
    declared(project, "Yes", "ref", advised)
    project.put("data/loans.csv", loans(odd={5: "n/a", 18: "-"}))
    assert project.mlops("check", "--data").code == 0
    answer = project.mlops("run", "m", "--json")
    assert answer.document["verdict"] is not None


@pytest.mark.parametrize(
    ("positive", "classes"),
    [("no", ("yes", "no")), ("1", ("0", "1")), ("010", ("8", "010")), ("Off", ("On", "Off")), ("1.10", ("1.1", "1.10"))],
)
def test_the_positive_class_is_what_is_written(project: Project, positive: str, classes: tuple[str, str]) -> None:
    text = DEFINITION.replace("    age: {type: int64}\n", "    age: {type: int64}\n    paid: {type: category}\n")
    declared(project, positive, "ref", text)
    project.put("data/loans.csv", loans(classes=classes))
    answer = project.mlops("run", "m", "--json")
    assert answer.document["verdict"] is not None
    training_set = project.store.current("m/training_set", None)
    assert training_set is not None
    table = project.store.read(training_set)
    train = table.filter([side == "train" for side in table.column("__split").to_pylist()]).column("__target").to_pylist()
    assert training_set.facts["base_rate"]["train"] == pytest.approx(train.count(positive) / len(train))


def test_what_can_still_be_said_is_said_where_ingestion_itself_fails(project: Project) -> None:
    declared(project, "good", "ref")
    project.put("data/loans.csv", loans(age={3: "old"}))
    answer = project.mlops("run", "m")
    assert answer.code == 2
    told = ["age breaks 'type int64' in 1 row: data/loans.csv:5 `old`", "positive is good", "Valid: No, Yes."]
    assert [words for words in told if words not in answer.text] == []
    assert project.store.current("loans", None) is None


def test_a_look_at_the_data_stores_nothing_and_ends_red_with_the_same_problems(project: Project) -> None:
    declared(project, "good", "reff, ref")
    project.put("data/loans.csv", loans(odd={0: "none"}, age={3: "old"}))
    answer = project.mlops("check", "--data", "m", "--json")
    assert answer.code == 1
    found = {(problem["line"], problem["path"]): problem for problem in answer.document["problems"]}
    assert {path for _, path in found} == {"columns", "columns.age", "examples.exclude[0]", "positive"}
    assert found[6, "columns.age"]["found"].endswith("data/loans.csv:5 `old`")
    assert project.store.assets() == []
    assert project.mlops("check").code == 1
    assert project.mlops("check", "m").code == 2
    assert project.mlops("check", "--data", "mm").code == 2


def test_the_lines_are_those_of_the_file_where_cells_have_line_breaks(project: Project) -> None:
    declared(project, "Yes", "ref")
    text = loans(age={3: "old"}).replace("L-0z", '"L\n\n0"').replace("ref,age", "\nref,age", 1)
    project.put("data/loans.csv", text.replace("\nref", "ref", 1))
    assert "data/loans.csv:7 `old`" in project.mlops("check", "--data").text


def test_a_declared_category_is_a_decision(project: Project) -> None:
    text = DEFINITION.replace("  columns:\n", "  columns:\n    ratio: {type: category}\n    ref: {type: string}\n")
    declared(project, "Yes", "", text)
    project.put("data/loans.csv", loans(odd={5: "n/a"}))
    assert project.mlops("check", "--data").code == 0


def test_json_lines_have_lines_too(project: Project) -> None:
    declared(project, "good", "ref", DEFINITION.replace("{csv: data/loans.csv}", "{json: data/loans.jsonl}"))
    rows = [{"ref": f"r{n}", "age": n, "ratio": "n/a" if n == 4 else f"{n}.5", "paid": "Yes" if n % 2 else "No"} for n in range(60)]
    project.put("data/loans.jsonl", "\n".join(json.dumps(row) for row in rows) + "\n")
    answer = project.mlops("check", "--data")
    assert answer.code == 1
    assert "'ratio' looks like numbers with 1 exception: data/loans.jsonl:5 `n/a`" in answer.text


def test_a_definition_with_an_error_is_told_instead_of_its_data(project: Project) -> None:
    declared(project, "good", "ref", DEFINITION.replace("task:", "tsk: x\n  task:"))
    project.put("data/loans.csv", loans())
    answer = project.mlops("check", "--data", "m")
    assert answer.code == 1
    assert "unknown key 'tsk'" in answer.text
    assert "the data of m were not looked at" in answer.err
