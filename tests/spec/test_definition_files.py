"""Reading definitions: every mistake with its line, none hidden by another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_assets.spec.problems import Problem
from mlops_assets.spec.reading.loading import load_catalogue

CONTACTS = """
    type: mlops_assets.Dataset
    attributes:
      name: contacts
      source: {csv: data/contacts.csv}
      partitions: {every: month, start: 2008-05-01}
      event_time: contacted_on
      columns:
        contacted_on: {type: datetime}
        age: {type: int64}
        duration: {type: int64, known: after}
        subscribed: {type: bool}
"""


def lines_of(problems: list[Problem]) -> dict[str, int]:
    return {problem.path: problem.line for problem in problems}


def test_six_mistakes_in_one_file_are_six_problems_with_lines_and_suggestions(check) -> None:
    problems = check(
        CONTACTS
        + """\
    ---
    type: mlops_assets.Model
    attributes:
      name: subscription
      task: binary_clasification
      examples: {from: contcts, target: subscribed, label_delay: 1 month, exclude: [duration]}
      training:
        window: 12 months
        holdot: 2 months
        estimator:
          lightgbm: {num_leafs: 31}
      gates:
        - {metric: roc_ac, at_least: 0.8}
        - {metric: f1, at_leest: 0.5}
    """
    )
    found = {(p.line, p.path): p.suggestion for p in problems}
    assert found == {
        (16, "task"): "binary_classification",
        (17, "examples.from"): "contacts",
        (20, "training.holdot"): "holdout",
        (22, "training.estimator.lightgbm.num_leafs"): "num_leaves",
        (24, "gates[0].metric"): "roc_auc",
        (25, "gates[1].at_leest"): "at_least",
    }
    assert all(problem.severity == "error" for problem in problems)


def test_a_sound_file_has_no_problems(check) -> None:
    assert check(CONTACTS) == []


def test_a_broken_document_does_not_hide_the_others(check) -> None:
    problems = check("a: [1, 2\n---\ntype: mlops_assets.Dataset\nattributes:\n  nme: x\n---\nb: 'open\n")
    assert [(p.line, p.path) for p in problems] == [(1, ""), (4, "source"), (5, "nme"), (7, "")]


def test_a_key_that_stands_twice_is_a_mistake_and_names_the_first(check) -> None:
    problems = check(CONTACTS + "      name: again\n")
    assert [(p.line, p.path) for p in problems] == [(12, "name")]
    assert "line 3" in problems[0].found


def test_tabs_are_named(check) -> None:
    (problem,) = check("type: x\nattributes:\n\tname: y\n")
    assert problem.line == 3
    assert "spaces" in problem.found


@pytest.mark.parametrize(
    ("document", "line", "suggestion"),
    [
        ("type: mlops_assets.Datset\nattributes: {}\n", 1, "mlops_assets.Dataset"),
        ("type: mlops_asset.Model\nattributes: {}\n", 1, "mlops_assets.Model"),
        ("type: feature_view\nattributes: {}\n", 1, "mlops_assets.FeatureView"),
        ("type: no_such_package_here.Thing\nattributes: {}\n", 1, None),
    ],
)
def test_an_unknown_type_is_a_problem(check, document: str, line: int, suggestion: str | None) -> None:
    (problem,) = check(document)
    assert (problem.path, problem.line, problem.suggestion) == ("type", line, suggestion)
    assert "mlops_assets.Model" in problem.valid


def test_components_of_other_packages_are_left_to_dagster(check) -> None:
    assert check("type: yaml.Something\nattributes: {}\n") == []


@pytest.mark.parametrize("attributes", ["", "attributes:\n", "attributes: [1]\n", "atributes: {}\n"])
def test_missing_attributes_are_a_problem(check, attributes: str) -> None:
    problems = check(f"type: mlops_assets.Dataset\n{attributes}")
    assert "attributes" in [problem.path for problem in problems]


def test_a_file_that_dagster_does_not_load_is_a_warning(check, tmp_path: Path) -> None:
    check(CONTACTS)
    (tmp_path / "definitions" / "churn.yaml").write_text("type: mlops_assets.Model\n")
    (problem,) = check(CONTACTS)
    assert problem.severity == "warning"
    assert problem.do == "Move it to definitions/churn/defs.yaml."


def test_a_definition_below_another_one_is_a_problem(check) -> None:
    problems = check(CONTACTS, inner__defs_yaml="type: mlops_assets.Dataset\nattributes: {name: b, source: {csv: b.csv}}\n")
    assert [(p.severity, p.file.parent.name) for p in problems] == [("error", "inner")]


def test_a_name_is_unique_over_all_kinds(check) -> None:
    (problem,) = check(
        CONTACTS
        + """\
    ---
    type: mlops_assets.Model
    attributes:
      name: contacts
      task: binary_classification
      examples: {from: contacts, target: subscribed, label_delay: 1 month}
      training: {holdout: 2 months}
    """
    )
    assert (problem.line, problem.path) == (15, "name")
    assert "defs.yaml:3" in problem.found


def test_the_environment_fills_every_string_but_sql(check, tmp_path: Path) -> None:
    text = """
    type: mlops_assets.Dataset
    attributes:
      name: orders
      source: {sql: {url: "{{ env.WAREHOUSE }}/x", query: "select '{{ env.NOT }}'"}}
    """
    assert check(text, {"WAREHOUSE": "sqlite://"}) == []
    catalogue, _ = load_catalogue(tmp_path, {"WAREHOUSE": "sqlite://"})
    assert catalogue.datasets["orders"].source.sql.url == "sqlite:///x"
    assert catalogue.datasets["orders"].source.sql.query == "select '{{ env.NOT }}'"


@pytest.mark.parametrize(
    ("written", "says"),
    [("{{ env.NOT_SET }}", "NOT_SET is not set"), ("{{ secrets.x }}", "only {{ env.NAME }}"), ("{{ env.X", "without closing")],
)
def test_what_cannot_be_filled_in_is_a_problem_and_never_an_empty_value(check, tmp_path: Path, written: str, says: str) -> None:
    (problem,) = check(f'type: mlops_assets.Dataset\nattributes:\n  name: a\n  source:\n    csv: "{written}"\n', {"X": ""})
    assert (problem.line, problem.path) == (5, "source.csv")
    assert says in problem.found
    assert load_catalogue(tmp_path, {})[0].datasets == {}


def test_a_value_of_the_environment_never_stands_in_a_message(check) -> None:
    problems = check(
        'type: mlops_assets.Dataset\nattributes:\n  name: a\n  source: {csv: a.csv}\n  on_invalid: "{{ env.SECRET }}"\n',
        {"SECRET": "hunter2"},
    )
    assert [p.path for p in problems] == ["on_invalid"]
    assert not any("hunter2" in problem.text() for problem in problems)


@pytest.mark.parametrize(
    ("attributes", "path", "says"),
    [
        ("source: {csv: a, parquet: b}", "source.csv", "exactly one of"),
        ("source: {cvs: a}", "source.cvs", "unknown key"),
        ("source: a.csv", "source", "for example {csv"),
        ("source: {csv: {path: a, seperator: x}}", "source.csv.seperator", "unknown key"),
        ("source: {csv: a}\n  max_invalid: 200%", "max_invalid", "less than or equal to 1"),
        ("source: {csv: a}\n  max_age: soon", "max_age", "is not a duration"),
        ("source: {csv: a}\n  max_age: 7", "max_age", "is not a duration"),
        ("source: {csv: a}\n  min_rows: many", "min_rows", "whole number"),
        ("source: {csv: a}\n  columns: {x: {type: int64, one_of: [[1]]}}", "columns.x.one_of[0]", "a list of 1"),
        ("source: {csv: a}\n  columns: {x: {type: bool, ge: 3}}", "columns.x.ge", "need a number"),
        ("source: {csv: a}\n  partitions: {every: day, start: yesterday}\n  event_time: t", "partitions.start", "a date such as"),
        ("source: {csv: a}\n  prepare: functions.prepare", "prepare", ".module:function"),
    ],
)
def test_messages_say_what_was_found_and_what_is_valid(check, attributes: str, path: str, says: str) -> None:
    problems = check(f"type: mlops_assets.Dataset\nattributes:\n  name: a\n  {attributes}\n")
    assert [problem.path for problem in problems] == [path]
    assert says in problems[0].sentence


@pytest.mark.parametrize(
    ("training", "path", "says"),
    [
        ("holdout: 30", "training.holdout", "a duration such as 12h, 7d or 3 months or a share"),
        ("holdout: a bit", "training.holdout", "is not a duration"),
        ("weights: {half_live: 3d}", "training.weights.half_live", "unknown key"),
        ("weights: 3", "training.weights", "which is not"),
        ("estimator: {lightgbm: {}, python: yaml:load}", "training.estimator.lightgbm", "exactly one of"),
        ("estimator: lightgbm", "training.estimator", "a mapping"),
        ("tune: {space: {num_leaves: {low: 9, high: 3}}}", "training.tune.space.num_leaves.low", "above"),
    ],
)
def test_either_or_values_have_one_message(check, training: str, path: str, says: str) -> None:
    model = f"""
    ---
    type: mlops_assets.Model
    attributes:
      name: m
      task: regression
      examples: {{from: contacts, target: age, label_delay: 0d}}
      training: {{{training}}}
    """
    problems = check(CONTACTS + model)
    assert [problem.path for problem in problems] == [path]
    assert says in problems[0].sentence


def test_a_key_on_the_wrong_level_is_told_where_it_belongs(check) -> None:
    (problem,) = check(
        CONTACTS
        + """
    ---
    type: mlops_assets.Model
    attributes:
      name: m
      task: regression
      estimator: {lightgbm: {}}
      training: {holdout: 1 month}
      examples: {from: contacts, target: age, label_delay: 0d}
    """
    )
    assert problem.do == "It belongs under `training`."


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    _, (problem,) = load_catalogue(tmp_path)
    assert "mlops init" in (problem.do or "")
