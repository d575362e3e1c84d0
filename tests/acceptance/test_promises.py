"""What the README promises, on small data, through the command line."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .conftest import Project
from .tables import EXAMPLES, FULL, coin_flips, orders, rows

REPOSITORY = Path(__file__).resolve().parents[2]

NOISE = """
type: mlops_assets.Dataset
attributes: {name: rows, source: {csv: data/rows.csv}, primary_key: id}
---
type: mlops_assets.Model
attributes:
  name: m
  task: binary_classification
  examples: {from: rows, target: y}
  training: {holdout: 50%, estimator: {lightgbm: {num_leaves: 7, num_boost_round: 50}}}
"""

DOCUMENT = {
    "schema",
    "model",
    "as_of",
    "environment",
    "version",
    "verdict",
    "metrics",
    "digests",
    "rows",
    "mlflow_run_id",
    "dagster_run_id",
}
GATE = {"name", "status", "observed", "required", "interval", "n", "detail"}


def test_two_runs_give_the_same_data_versions_and_the_same_trees(new_project: Callable[[], Project]) -> None:
    answers = []
    project = new_project()
    for place in (project, project, new_project()):
        place.declare("m", FULL)
        place.put("data/orders.csv", orders())
        answers.append(place.mlops("run", "m", "--as-of", "2026-02-15", "--json").document)
    first, again, elsewhere = answers
    assert first["verdict"] is not None
    assert first["digests"]["trees"] is not None
    for other in (again, elsewhere):
        for part in ("digests", "data_versions", "rows", "metrics"):
            assert other[part] == first[part]
        assert other["verdict"]["id"] == first["verdict"]["id"]
    assert again["dagster_run_id"] != first["dagster_run_id"]


def test_the_document_of_a_run_has_its_promised_keys_and_the_files_for_ci_say_the_same(project: Project) -> None:
    project.declare("m", EXAMPLES)
    project.put("data/rows.csv", rows())
    files = project.folder / "gates.md", project.folder / "gates.xml"
    answer = project.mlops("run", "m", "--json", "--summary", str(files[0]), "--junit", str(files[1]))
    document = answer.document
    assert (answer.code, document["schema"], document["version"], document["failure"]) == (0, 1, 1, None)
    assert set(document) >= DOCUMENT
    assert set(document["digests"]) >= {"bundle", "trees", "data", "spec"}
    assert set(document["verdict"]) >= {"id", "status", "gates"}
    assert all(set(gate) >= GATE for gate in document["verdict"]["gates"])
    assert document["rows"] == {"training": 420, "holdout": 180}
    for metric in document["metrics"].values():
        assert set(metric) >= {"value", "interval", "n"}
        assert metric["n"] == 180
    assert "Version 1 is registered" in files[0].read_text()
    suite = ElementTree.parse(files[1]).getroot()
    assert [case.get("name") for case in suite] == [gate["name"] for gate in document["verdict"]["gates"]]
    assert suite.get("failures") == "0"


def test_coin_flips_and_noise_give_no_candidate_and_everything_says_so(project: Project) -> None:
    project.declare("m", NOISE)
    project.put("data/rows.csv", coin_flips())
    files = project.folder / "gates.md", project.folder / "gates.xml"
    answer = project.mlops("run", "m", "--json", "--summary", str(files[0]), "--junit", str(files[1]))
    document = answer.document
    assert (answer.code, document["version"], document["verdict"]["status"]) == (1, None, "fail")
    assert 0.45 < document["metrics"]["roc_auc"]["value"] < 0.55
    assert [gate["name"] for gate in document["verdict"]["gates"] if gate["status"] == "fail"] == ["beats_naive"]
    assert document["failure"] == "beats_naive is red"
    assert "> No candidate: beats_naive is red" in files[0].read_text()
    suite = ElementTree.parse(files[1]).getroot()
    assert suite.get("failures") == "1"
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["beats_naive"]
    status = project.mlops("status", "m")
    assert "version" not in status.out.lower().replace("no version", "")


@pytest.mark.parametrize("flipped", [0.0, 0.02])
def test_a_target_copied_into_a_feature_is_refused_and_the_column_named(project: Project, flipped: float) -> None:
    project.declare("m", NOISE)
    project.put("data/rows.csv", coin_flips(1500, columns=5, copy=flipped))
    answer = project.mlops("run", "m")
    assert answer.code == 1
    assert "✗ leakage: fail" in answer.text
    assert "Almost decides the target alone: outcome_code (" in answer.text
    assert "no candidate: leakage is red" in answer.text


def test_what_is_known_after_the_fact_may_not_be_asked_for(project: Project) -> None:
    bank = project.folder / "definitions" / "bank_marketing"
    shutil.copytree(REPOSITORY / "definitions" / "bank_marketing", bank)
    text = (bank / "defs.yaml").read_text()
    (bank / "defs.yaml").write_text(text.replace("exclude: [duration]", "include: [age, duration]"))
    line = next(number for number, written in enumerate(text.splitlines(), 1) if "exclude: [duration]" in written)
    answer = project.mlops("check")
    assert answer.code == 1
    assert f"definitions/bank_marketing/defs.yaml:{line}: error: examples.include[1]: 'duration' is declared `known: after`" in answer.text


def test_five_mistakes_in_a_file_are_five_lines(project: Project) -> None:
    text = EXAMPLES.lstrip("\n")
    mistakes = {
        "primary_key: id": ("primary_ky: id", "primary_key"),
        "type: float64, ge": ("type: flot64, ge", "float64"),
        "task: binary_classification": ("task: binary_clasification", "binary_classification"),
        "from: rows": ("from: rowz", "rows"),
        "num_leaves": ("num_leafs", "num_leaves"),
    }
    lines = {}
    for right, (wrong, meant) in mistakes.items():
        lines[next(number for number, written in enumerate(text.splitlines(), 1) if right in written)] = meant
        text = text.replace(right, wrong)
    project.declare("m", text)
    answer = project.mlops("check")
    assert answer.code == 1
    told = {int(line): rest for line, rest in re.findall(r"^definitions/m/defs\.yaml:(\d+): error: (.*)$", answer.out, re.MULTILINE)}
    assert {line: f"Did you mean `{meant}`?" in told[line] for line, meant in lines.items()} == dict.fromkeys(lines, True)
    assert "5 errors" in answer.out
    problems = json.loads(project.mlops("check", "--json").out)["problems"]
    assert [(problem["line"], problem["suggestion"]) for problem in problems] == sorted(lines.items())


def test_a_model_of_ones_own_is_one_file_of_yaml(project: Project, shared_data: Path) -> None:
    readme = (REPOSITORY / "README.md").read_text()
    written = next(block for block in re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL) if "bike_rentals" in block)
    smaller = written.replace("window: 365d, holdout: 60d", "window: 120d, holdout: 30d, estimator: {lightgbm: {num_boost_round: 40}}")
    assert smaller != written
    project.declare("bike", smaller)
    project.put("data/bike_hour.csv", (shared_data / "bike_hour.csv").read_text())
    assert project.mlops("check").code == 0
    answer = project.mlops("run", "bike_rentals", "--as-of", "2012-06-30", "--json")
    assert answer.code == 0
    assert answer.document["metrics"]["r2"]["value"] > 0.8
    assert answer.document["as_of"] == "2012-06-30"
    training = answer.document["data_versions"]
    assert (min(training), max(training), len(training)) == ("rentals@2012-03-02", "rentals@2012-06-29", 120)


def test_a_model_may_be_coarser_than_its_data(project: Project) -> None:
    text = FULL.split("---")[0] + (
        "---\ntype: mlops_assets.Model\nattributes:\n  name: m\n  task: regression\n"
        "  partitions: {every: week, start: 2026-01-05}\n"
        "  examples: {from: orders, target: amount, label_delay: 1w}\n"
        "  training: {window: 4w, holdout: 1w, estimator: {lightgbm: {num_boost_round: 5}}}\n"
    )
    project.declare("m", text)
    project.put("data/orders.csv", orders(60))
    answer = project.mlops("run", "m", "--as-of", "2026-02-15", "--json")
    days = sorted(answer.document["data_versions"])
    assert (days[0], days[-1], len(days)) == ("orders@2026-01-12", "orders@2026-02-08", 28)
    assert answer.document["verdict"]["status"] == "fail"


def test_every_gate_of_a_model_is_shown_to_turn_red(project: Project) -> None:
    project.declare("m", EXAMPLES.replace("  gates:", "  gates:\n    - {metric: roc_auc, at_least: 0.7}"))
    answer = project.mlops("check", "--gates", "m")
    assert answer.code == 0
    assert re.search(r"(\d+) of \1 gates of m turned red on a known-bad case", answer.out)
