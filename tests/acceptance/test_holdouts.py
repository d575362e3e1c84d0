"""Whether a holdout brings the rows that gates need is told before anything is trained."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mlops_assets.cli import main
from mlops_assets.cli.init import create_project

from .conftest import Project

WEEKLY = """type: mlops_assets.Dataset
attributes:
  name: prices
  source: {csv: data/prices.csv}
  partitions: {every: week, start: 2025-01-06}
  event_time: at
---
type: mlops_assets.Model
attributes:
  name: up
  task: binary_classification
  examples: {from: prices, target: up, label_delay: 0d}
  training:
    window: WINDOW
    holdout: HOLDOUT
"""


def prices(weeks: int = 20, every: timedelta = timedelta(minutes=30)) -> str:
    random = np.random.default_rng(0)
    begin, end = datetime(2025, 1, 6), datetime(2025, 1, 6) + timedelta(weeks=weeks)
    lines = ["at,demand,up"]
    for step in range((end - begin) // every):
        demand = random.normal()
        lines.append(f"{begin + step * every:%Y-%m-%d %H:%M:%S},{demand:.6f},{int(random.random() < 1 / (1 + np.exp(-demand)))}")
    return "\n".join(lines) + "\n"


def declared(project: Project, holdout: str, window: str = "12w") -> None:
    project.declare("up", WEEKLY.replace("HOLDOUT", holdout).replace("WINDOW", window))


def test_a_week_of_336_rows_is_warned_of_with_what_to_write_and_what_is_advised_is_not(project: Project) -> None:
    project.put("data/prices.csv", prices())
    declared(project, "1w")
    answer = project.mlops("check", "--data", "up")
    assert answer.code == 0
    assert "definitions/up/defs.yaml:15: warning: training.holdout: a holdout of 1w is worth 336 effective rows" in answer.text
    assert "champion 1,49" in answer.text
    assert "Write `holdout: 5w`" in answer.text
    declared(project, "5w")
    answer = project.mlops("check", "--data", "up")
    assert answer.code == 0
    assert "warning" not in answer.text


def test_the_table_says_for_each_gate_what_it_needs_has_and_the_shortest_holdout(project: Project) -> None:
    project.put("data/prices.csv", prices())
    declared(project, "1w")
    table = project.mlops("check", "--data", "up").out.splitlines()[1:-1]
    assert table == [
        "up: a holdout of 1w has 336 rows, worth 336, base rate 0.5",
        "  gate           needs  has  decides  shortest  for a model that is",
        "  beats_naive      115  336      yes        1w  roc_auc of 0.75",
        "  leakage           50  336      yes        1w  no feature near the limit",
        "  champion       1,490  336       no        5w  as good as the champion, margin 0.01",
        "  calibration      147  336      yes        1w  calibrated",
        "  label_quality     50  336      yes        1w  10 rows of the rarer class",
    ]


def test_a_program_reads_the_same(project: Project) -> None:
    project.put("data/prices.csv", prices())
    declared(project, "1w")
    document = project.mlops("check", "--data", "--json").document
    assert document["ok"]
    found = document["holdouts"]["up"]
    gates = {gate["gate"]: gate for gate in found["gates"]}
    assert (found["holdout"], found["rows"]) == ("1w", 336)
    assert (gates["champion"]["decides"], gates["champion"]["shortest_holdout"]) == (False, "5w")
    assert gates["calibration"]["decides"]


def test_where_no_holdout_fits_into_the_window_other_ways_are_named(project: Project) -> None:
    project.put("data/prices.csv", prices(every=timedelta(hours=6)))
    declared(project, "2w", window="8w")
    answer = project.mlops("check", "--data", "up")
    assert answer.code == 0
    assert "Not even 7w, the longest possible, would do for all" in answer.text
    margin = float(answer.text.split("{gate: champion, margin: ")[1].split("}")[0])
    text = WEEKLY.replace("HOLDOUT", "2w").replace("WINDOW", "8w")
    project.declare("up", f"{text}  gates:\n    - {{gate: champion, margin: {margin}}}\n    - {{gate: calibration, max_error: 0.2}}\n")
    assert "champion" not in project.mlops("check", "--data", "up").out.split("up: a holdout")[0]


def test_rows_of_one_entity_count_as_what_they_are_worth(project: Project) -> None:
    lines = ["household,size,income,owns"]
    random = np.random.default_rng(0)
    for household in range(300):
        size, owns = random.normal(), int(random.random() < 0.5)
        lines += [f"{household},{size + random.normal() / 10:.4f},{random.normal():.4f},{owns}" for _ in range(10)]
    project.put("data/people.csv", "\n".join(lines) + "\n")
    project.declare("people", """type: mlops_assets.Dataset
attributes:
  name: people
  source: {csv: data/people.csv}
---
type: mlops_assets.Model
attributes:
  name: owner
  task: binary_classification
  entity: household
  examples: {from: people, target: owns}
  training: {holdout: 30%}
""")  # fmt: skip
    found = project.mlops("check", "--data", "owner", "--json").document["holdouts"]["owner"]
    assert found["rows"] == 900
    assert found["effective"] == pytest.approx(90, abs=1)
    gates = {gate["gate"]: gate for gate in found["gates"]}
    assert (gates["calibration"]["needs"], gates["calibration"]["decides"]) == (147, False)
    assert gates["calibration"]["shortest_holdout"] == "49%"


def test_once_there_is_a_version_its_own_scores_and_dependence_take_the_place_of_what_is_assumed(project: Project) -> None:
    project.put("data/prices.csv", prices())
    declared(project, "5w")
    before = project.mlops("check", "--data", "up", "--json").document["holdouts"]["up"]
    ran = project.mlops("run", "up", "--as-of", "2025-05-19", "--json").document
    after = project.mlops("check", "--data", "up", "--json").document["holdouts"]["up"]
    said = {gate["gate"]: gate["why"] for gate in after["gates"]}
    assert said["beats_naive"] == f"roc_auc of {ran['metrics']['roc_auc']['value']:.3g}"
    assert {gate["gate"]: gate["why"] for gate in before["gates"]}["beats_naive"] == "roc_auc of 0.75"
    assert before["effective"] == before["rows"] == after["rows"]
    judged = ran["metrics"]["roc_auc"]
    assert after["effective"] == pytest.approx(after["rows"] * judged["n_effective"] / judged["n"], rel=0.01)


def test_a_plan_says_what_gates_need_without_data(project: Project) -> None:
    project.put("data/prices.csv", prices(weeks=1))
    declared(project, "1w")
    answer = project.mlops("plan", "up")
    assert answer.code == 0
    assert answer.out.splitlines()[-7:] == [
        "Effective rows that gates need to pass 9 of 10 sound models, at a base rate of 20% where that matters",
        "  beats_naive      201  roc_auc of 0.75",
        "  leakage           50  no feature near the limit",
        "  champion       2,835  as good as the champion, margin 0.01",
        "  calibration      147  calibrated",
        "  label_quality     72  10 rows of the rarer class",
        "  the holdout is 1w, its rows are not known here: `mlops check --data up` says whether it decides",
    ]
    needs = {need["gate"]: need["rows"] for need in project.mlops("plan", "up", "--json").document["needs"]}
    assert needs["champion"] == 2835


def test_the_holdout_of_a_new_project_is_the_shortest_that_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_project(tmp_path / "new")
    defs = tmp_path / "new" / "definitions" / "diabetes" / "defs.yaml"
    monkeypatch.chdir(tmp_path / "new")
    text = defs.read_text()
    assert "warning" not in CliRunner().invoke(main.app, ["check", "--data"]).output
    defs.write_text(text.replace("holdout: 40%", "holdout: 30%"))
    assert "Write `holdout: 37%`" in CliRunner().invoke(main.app, ["check", "--data"]).output
