"""A broken definition keeps from running what needs it, and nothing else; `mlops check` stays strict."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_assets.components.left_out import summary
from mlops_assets.components.location import build_definitions
from mlops_assets.lifecycle.workspace import open_workspace

from .conftest import Project
from .tables import EXAMPLES, FULL, rows

OTHER = EXAMPLES.replace("name: rows", "name: others").replace("name: m\n", "name: n\n").replace("from: rows", "from: others")
ORDERS, VIEW, MODEL = (f"{document.strip()}\n" for document in FULL.split("---"))
BROKEN = {
    "unknown key": OTHER.replace("holdout: 30%", "holdot: 30%"),
    "unknown type": OTHER.replace("mlops_assets.Model", "mlops_assets.Modell"),
    "not YAML": OTHER.replace("name: others", "name: [others"),
    "no attributes": OTHER.replace("attributes:\n  name: others", "attribute:\n  name: others"),
    "no name": OTHER.replace("  name: others\n", ""),
    "twice a key": OTHER.replace("  name: others\n", "  name: others\n  name: others\n"),
    "unset variable": OTHER.replace("data/rows.csv", "{{ env.NOWHERE }}/rows.csv"),
    "no such data set": OTHER.replace("from: others", "from: otherz"),
    "no such function": OTHER.replace("  primary_key", "  prepare: .gone:prepare\n  primary_key"),
}


def location(project: Project) -> dict[str, str]:
    """What Dagster shows of a project: the description of every asset."""
    open_workspace.cache_clear()
    specs = build_definitions(open_workspace(project.folder)).resolve_all_asset_specs()
    return {spec.key.to_user_string(): spec.description or "" for spec in specs}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_neighbour_is_a_warning_where_it_is_not_needed(project: Project, text: str) -> None:
    project.declare("m", EXAMPLES)
    file = project.declare("n", text)
    assert project.mlops("check").code == 1
    for command in (("plan", "m"), ("plan", "rows"), ("status", "m"), ("status",)):
        answer = project.mlops(*command)
        assert answer.code == 0, (command, answer.text)
        told = [line for line in answer.err.splitlines() if line.startswith("definitions/n/defs.yaml:")]
        assert told
        assert all(": warning: " in line for line in told)
        assert f"warning: {len(told)} error" in answer.err
    for command in (("plan", "n"), ("run", "n")):
        answer = project.mlops(*command)
        assert answer.code == 2, (command, answer.text)
        assert "definitions/n/defs.yaml:" in answer.err
    shown = location(project)
    assert {"rows", "m/model", "m/candidate", "m/champion"} <= {*shown}
    assert not {"n/candidate", "n/champion"} & {*shown}
    assert [key for key, words in shown.items() if f"definitions/n/{file.name}:" in words], "a person sees in Dagster what is missing"


def test_a_model_is_made_beside_a_broken_one_and_the_broken_one_is_made_once_it_is_mended(project: Project) -> None:
    project.declare("m", EXAMPLES)
    project.declare("n", BROKEN["not YAML"])
    project.put("data/rows.csv", rows())
    assert project.mlops("run", "m").code == 0
    assert project.mlops("promote", "m").code == 0
    assert project.mlops("audit", "dossier", "m", "1").code == 0
    assert project.mlops("rollback", "m").code == 1, "there is no earlier one; the definition of another model is not why"
    project.declare("n", OTHER)
    assert project.mlops("run", "n").code == 0


def test_one_file_may_hold_a_sound_and_a_broken_model(project: Project) -> None:
    project.declare("m", f"{EXAMPLES.strip()}\n---\n{OTHER.strip().replace('name: n', 'name: [n')}\n")
    assert project.mlops("plan", "m").code == 0
    shown = location(project)
    assert {"rows", "others", "m/candidate"} <= {*shown}
    assert "not_loaded/definitions_m_defs_yaml" in shown


@pytest.mark.parametrize(
    "mistake",
    [
        ("name: orders", "name: [orders"),
        ("type: mlops_assets.Dataset", "type: mlops_assets.Dataste"),
        ("every: day", "every: dya"),
        ("columns:", "columnz:"),
    ],
    ids=["not YAML", "unknown type", "wrong value", "unknown key"],
)
def test_what_a_model_needs_at_second_hand_is_needed(project: Project, mistake: tuple[str, str]) -> None:
    project.declare("orders", ORDERS.replace(*mistake))
    project.declare("rfm", VIEW)
    project.declare("m", MODEL)
    project.declare("n", OTHER)
    for command in (("run", "m", "--as-of", "2026-02-15"), ("plan", "m"), ("plan", "rfm"), ("status", "m"), ("publish", "m")):
        answer = project.mlops(*command)
        assert answer.code == 2, (command, answer.text)
        assert "definitions/orders/defs.yaml:" in answer.err
    assert project.mlops("plan", "n").code == 0
    assert not {"rfm", "m/candidate"} & {*location(project)} or "Not loaded" in location(project)["rfm"]


@pytest.mark.parametrize("where", ["label", "population"])
def test_a_data_set_that_only_a_query_names_is_needed(project: Project, where: str) -> None:
    text = MODEL.replace(
        "from orders group by customer\n    default", "from orders left join visits using (customer) group by customer\n    default"
    )
    if where == "population":
        text = MODEL.replace("  label:", "  population: select customer from visits\n  label:")
    project.declare("orders", ORDERS)
    project.declare("rfm", VIEW)
    project.declare("m", text)
    visits = ORDERS.replace("name: orders", "name: visits")
    project.declare("visits", visits)
    assert project.mlops("plan", "m").code == 0
    project.declare("visits", visits.replace("every: day", "every: dya"))
    answer = project.mlops("plan", "m")
    assert (answer.code, "definitions/visits/defs.yaml:5" in answer.err) == (2, True)
    project.declare("visits", visits.replace("name: visits", "name: [visits"))
    answer = project.mlops("plan", "m")
    assert answer.code == 2
    assert "definitions/visits/defs.yaml:" in answer.err
    assert "definitions/m/defs.yaml:" in answer.err, "nobody declares what its query reads"


def test_a_name_that_nobody_declares_and_that_an_unreadable_file_may_hold_is_told_with_that_file(project: Project) -> None:
    project.declare("m", EXAMPLES)
    project.declare("n", BROKEN["not YAML"].replace("name: n\n", "name: [n\n"))
    answer = project.mlops("run", "n")
    assert answer.code == 2
    assert "there is no model 'n'" in answer.err
    assert "definitions/n/defs.yaml:" in answer.err


def test_of_two_definitions_with_one_name_neither_is_used(project: Project) -> None:
    project.declare("m", EXAMPLES)
    project.declare("n", OTHER.replace("name: others", "name: rows").replace("from: others", "from: rows"))
    for name in ("m", "n", "rows"):
        answer = project.mlops("plan", name)
        assert (answer.code, "the name 'rows' is taken" in answer.err) == (2, True)


def test_what_decides_about_a_version_is_refused_where_its_definition_cannot_be_read_and_going_back_is_not(project: Project) -> None:
    project.declare("m", EXAMPLES)
    project.put("data/rows.csv", rows())
    assert project.mlops("run", "m").code == 0
    project.declare("m", EXAMPLES.replace("task: binary_classification", "task: binary\n  approvals: {test: 3}"))
    for command in (("promote", "m"), ("approve", "m"), ("retire", "m", "--yes")):
        answer = project.mlops(*command)
        assert (answer.code, "definitions/m/defs.yaml:16" in answer.err) == (2, True), command
    assert project.mlops("rollback", "m").code == 1
    shown = project.mlops("status", "m")
    assert shown.code == 2
    assert "version 1" in shown.out, "what the ledger knows is shown all the same"
    assert project.mlops("status", "m", "--json").document["definition"]["errors"][0]["line"] == 16


def test_the_code_location_says_what_it_left_out_and_a_validation_of_dagster_is_strict(project: Project) -> None:
    project.declare("m", EXAMPLES)
    project.declare("n", BROKEN["unknown key"])
    open_workspace.cache_clear()
    assert summary(open_workspace(project.folder).definitions)[-1] == "left out for 1 error in the definitions: n"
    environment = {**os.environ, "DAGSTER_HOME": str(project.folder / "dagster_home")}
    for extra, code in (({}, 0), ({"DAGSTER_IS_DEFS_VALIDATION_CLI": "1"}, 1)):
        command = [sys.executable, "-c", "import mlops_assets.definitions as d; print(len(d.defs.resolve_all_asset_specs()))"]
        done = subprocess.run(command, cwd=project.folder, env={**environment, **extra}, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "definitions/n/defs.yaml:18: error: training.holdot" in done.stderr


def test_other_things_of_a_folder_that_dagster_can_read_are_there_though_one_folder_cannot_be_read(project: Project) -> None:
    project.declare("m", EXAMPLES)
    project.declare("n", BROKEN["not YAML"])
    plain = project.folder / "definitions" / "plain"
    plain.mkdir()
    Path(plain / "more.py").write_text("import dagster as dg\n\n\n@dg.asset\ndef by_hand() -> None: ...\n")
    assert {"by_hand", "rows", "m/model"} <= {*location(project)}
