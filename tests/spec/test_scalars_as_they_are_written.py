"""A value that is compared with text of the data is the text that stands in the file, whatever YAML makes of it."""

from __future__ import annotations

import copy
import json
import pickle
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.spec import Column, Dataset, Model
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.checking.check import check_project
from mlops_assets.spec.digest import declaration_digest, spec_digest
from mlops_assets.spec.problems import Problem
from mlops_assets.spec.reading.loading import load_catalogue
from mlops_assets.spec.scalars import plain, written
from mlops_assets.spec.yaml_lines import read_documents

SPELLINGS = ("1.0", "1.10", "yes", "No", "on", "010", "1_000", "12:30", "~", "null", "1e3", ".inf", "0x1F", "2024-01-01", "+5", "TRUE")


def project(folder: Path, column: str = "{type: string}", model: str = "") -> Path:
    home = folder / "definitions" / "a"
    home.mkdir(parents=True, exist_ok=True)
    dataset = f"""
        type: mlops_assets.Dataset
        attributes:
          name: d
          source: {{csv: d.csv}}
          columns:
            y: {column}
        """
    (home / "defs.yaml").write_text(textwrap.dedent(dataset) + textwrap.dedent(model))
    return folder


def read(folder: Path, column: str = "{type: string}", model: str = "") -> tuple[Catalogue, list[Problem]]:
    return check_project(project(folder, column, model))


MODEL = """
---
type: mlops_assets.Model
attributes:
  name: m
  task: binary_classification
  examples: {from: d, target: y}
  %s
"""


@pytest.mark.parametrize("kind", ["string", "category"])
@pytest.mark.parametrize("key", ["one_of", "missing"])
def test_values_among_text_are_what_is_written(tmp_path: Path, kind: str, key: str) -> None:
    catalogue, problems = read(tmp_path, f"{{type: {kind}, {key}: [{', '.join(SPELLINGS)}, \"\", '1.50']}}")
    assert problems == []
    assert [str(value) for value in getattr(catalogue.datasets["d"].columns["y"], key)] == [*SPELLINGS, "", "1.50"]


def test_values_among_numbers_are_the_numbers(tmp_path: Path) -> None:
    catalogue, problems = read(tmp_path, "{type: float64, one_of: [1.0, 1.10, 1_000, 1e3, 7], missing: [-999, no, n/a, 1.10]}")
    column = catalogue.datasets["d"].columns["y"]
    assert problems == []
    assert [(type(value), value) for value in column.one_of or ()] == [(float, 1.0), (float, 1.1), (int, 1000), (str, "1e3"), (int, 7)]
    assert [(type(value), value) for value in column.missing] == [(int, -999), (str, "no"), (str, "n/a"), (float, 1.1)]


def test_values_among_booleans_are_booleans_and_their_missing_ones_text(tmp_path: Path) -> None:
    column = read(tmp_path, "{type: bool, one_of: [yes], missing: [no, 00]}")[0].datasets["d"].columns["y"]
    assert [value is True for value in column.one_of or ()] == [True]
    assert [str(value) for value in column.missing] == ["no", "00"]


def test_decimals_keep_their_digits(tmp_path: Path) -> None:
    column = read(tmp_path, "{type: decimal, one_of: [12345678901234567890.12], missing: [0.10]}")[0].datasets["d"].columns["y"]
    assert ([str(value) for value in column.one_of or ()], [str(value) for value in column.missing]) == (
        ["12345678901234567890.12"],
        ["0.10"],
    )


def test_nothing_among_numbers_is_no_value(tmp_path: Path) -> None:
    problem = next(p for p in read(tmp_path, "{type: int64, one_of: [1, ~]}")[1] if p.severity == "error")
    assert (problem.path, problem.line) == ("columns.y.one_of[1]", 7)


@pytest.mark.parametrize(("text", "value"), [("010", 8), ("12:30", 750), ("-017", -15)])
def test_a_number_that_yaml_reads_as_another_one_is_told(tmp_path: Path, text: str, value: int) -> None:
    (problem,) = read(tmp_path, f"{{type: int64, missing: [{text}]}}")[1]
    assert (problem.path, problem.severity) == ("columns.y.missing[0]", "warning")
    assert f"reads {text} as {value}" in problem.found
    assert read(tmp_path, f"{{type: int64, missing: ['{text}', 007, 10]}}")[1] == []
    assert read(tmp_path, f"{{type: string, missing: [{text}]}}", MODEL % f"positive: {text}")[1] == []


@pytest.mark.parametrize("spelled", [*SPELLINGS, "'quoted'"])
def test_the_positive_class_has_its_own_text(tmp_path: Path, spelled: str) -> None:
    catalogue, problems = read(tmp_path, model=MODEL % f"positive: {spelled}")
    positive = catalogue.models["m"].positive
    assert problems == []
    assert str(positive) == spelled.strip("'") if spelled not in ("~", "null") else positive is None
    assert plain(positive) == yaml.safe_load(spelled) or spelled in ("2024-01-01", "~", "null")


def test_names_of_columns_are_text_whatever_yaml_makes_of_them(tmp_path: Path) -> None:
    model = MODEL.replace("target: y", "target: on, exclude: [no, 1, 2024-01-01, 1.50]") % "training: {group_by: no}"
    catalogue, problems = read(tmp_path, model=model)
    assert problems == []
    found = catalogue.models["m"]
    assert found.examples is not None
    assert (found.examples.target, found.examples.exclude, found.training.group_by) == ("on", ("no", "1", "2024-01-01", "1.50"), ("no",))


def test_choices_of_a_search_stay_what_yaml_reads(tmp_path: Path) -> None:
    model = MODEL % "training: {tune: {space: {min_split_gain: {choices: [1.10, 2]}, extra_trees: {choices: [yes, no]}}}}"
    tune = read(tmp_path, model=model)[0].models["m"].training.tune
    assert tune is not None
    assert tune.space is not None
    assert [type(v) for v in tune.space["min_split_gain"].choices or ()] == [float, int]
    assert tune.space["extra_trees"].choices == (True, False)


def test_a_merged_value_is_overwritten_with_its_text() -> None:
    text = "base: &b {positive: Yes, other: on}\nfirst: {<<: *b, positive: No}\nlast: {positive: No, <<: *b}\nsame: *b\nquoted: 'Yes'\n"
    (document,) = read_documents(text)[0]
    assert {path: found for path, found in document.texts.items() if path[0] != "base"} == {
        ("first", "positive"): "No",
        ("first", "other"): "on",
        ("last", "positive"): "No",
        ("last", "other"): "on",
        ("same", "positive"): "Yes",
        ("same", "other"): "on",
    }


SINGLE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("abc yesno01.:-")
NESTED = st.recursive(SINGLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3))


@given(NESTED)
def test_texts_change_nothing_of_what_is_read(value: Any) -> None:
    text = yaml.safe_dump({"top": value})
    (document,) = read_documents(text)[0]
    assert document.value == {"top": value}
    for path, found in document.texts.items():
        inside: Any = document.value
        for part in path:
            inside = inside[part]
        assert not isinstance(inside, str)
        assert yaml.safe_load(found) == inside


def test_a_digest_moves_only_where_the_text_decides_something_else(tmp_path: Path) -> None:
    def digest(column: str, model: str = "positive: true") -> tuple[str, str]:
        catalogue, problems = load_catalogue(project(tmp_path, column, MODEL % model))
        assert problems == []
        return declaration_digest("d", catalogue, "rows"), spec_digest("m", catalogue)

    assert digest("{type: string, one_of: [1.0, 2]}")[0] != digest("{type: string, one_of: ['1.0', '2']}")[0]
    assert digest("{type: string, one_of: [1.1]}") != digest("{type: string, one_of: [1.10]}")
    assert digest("{type: float64, one_of: [1.1]}") == digest("{type: float64, one_of: [1.10]}")
    assert digest("{type: int64}", "positive: yes") == digest("{type: int64}", "positive: true")
    assert digest("{type: int64}", "positive: 1") != digest("{type: int64}", "positive: 01")


def test_what_is_recorded_of_old_spellings_is_what_yaml_reads(tmp_path: Path) -> None:
    catalogue = read(tmp_path, "{type: string, one_of: [1.0, 2, x], missing: [-1]}", MODEL % "positive: Yes")[0]
    column = json.loads(catalogue.datasets["d"].model_dump_json())["columns"]["y"]
    assert (column["one_of"], column["missing"]) == ([1.0, 2, "x"], [-1])
    assert json.loads(catalogue.models["m"].model_dump_json())["positive"] is True


def test_definitions_in_python_have_plain_values() -> None:
    column = Column(type="string", one_of=("a", 1), missing=(0,))
    assert (column.one_of, column.missing) == (("a", 1), (0,))
    model = Model.model_validate({"name": "m", "task": "binary_classification", "positive": True, "examples": {"from": "d", "target": "y"}})
    assert model.positive is True
    with pytest.raises(ValueError, match="True or False among text"):
        Dataset.model_validate({"name": "d", "source": {"csv": "x"}, "columns": {"y": {"type": "category", "one_of": [True]}}})


@pytest.mark.parametrize(("value", "text"), [(True, "Yes"), (8, "010"), (1.1, "1.10"), (False, "off")])
def test_a_written_value_is_its_value_with_a_text(value: Any, text: str) -> None:
    made = written(value, text)
    assert (made, hash(made), f"{made}", str(made)) == (value, hash(value), text, text)
    assert (plain(made), type(plain(made))) == (value, type(value))
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert (type(other), other, str(other)) == (type(made), made, text)
