"""What stands in the tables of the plan, and nowhere else: kinds of assets, their checks, and sensors."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import mlops_assets
from mlops_assets.plan.checks import CHECKS
from mlops_assets.plan.kinds import KINDS, AssetKind
from mlops_assets.plan.sensors import SENSORS, SensorKind

PACKAGE = Path(mlops_assets.__file__).parent
README = PACKAGE.parent / "README.md"
JUDGED = "evaluation"
"""Its checks are the gates of the model, whatever they are called."""


def defines(file: Path, function: str) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == function for node in ast.parse(file.read_text("utf-8")).body)


def answers(file: Path) -> Iterator[str]:
    """Names of the checks that a file of the lifecycle answers; ``?`` for one that is not written out."""
    tree = ast.parse(file.read_text("utf-8"))
    ours = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "mlops_assets.lifecycle.results"]
    named = {alias.asname or alias.name for node in ours for alias in node.names} & {"Check", "Finding"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in named:
            (name,) = node.args[:1] or [keyword.value for keyword in node.keywords if keyword.arg == "name"]
            yield name.value if isinstance(name, ast.Constant) else "?"


def test_every_kind_of_asset_is_a_row_and_a_file_that_makes_it() -> None:
    assert tuple(KINDS) == get_args(AssetKind)
    assert {file.stem for file in (PACKAGE / "components" / "bodies").glob("*.py") if defines(file, "materialize")} == set(KINDS)


def test_every_kind_of_sensor_is_a_row_and_a_file_that_ticks() -> None:
    assert {row.kind for row in SENSORS} == set(get_args(SensorKind))
    ticking = {file.stem for file in (PACKAGE / "components" / "sensors").glob("*.py") if defines(file, "tick")}
    assert ticking == set(get_args(SensorKind)) - {"automation"}


def test_every_check_of_the_table_is_answered_where_its_asset_is_made_and_no_other() -> None:
    made = [file for folder in ("making", "watching") for file in (PACKAGE / "lifecycle" / folder).glob("*.py")]
    found = {file.stem: {*answers(file)} for file in made}
    assert found.pop(JUDGED) == {"?"}
    assert {kind: names for kind, names in found.items() if names} == {kind: {row.name for row in rows} for kind, rows in CHECKS.items()}
    elsewhere = [file for file in PACKAGE.rglob("*.py") if file not in made and [*answers(file)]]
    assert elsewhere == []


def test_checks_of_a_kind_have_names_of_their_own() -> None:
    for kind, rows in CHECKS.items():
        assert len({row.name for row in rows}) == len(rows), kind
        assert all(re.fullmatch(r"[a-z_]+", row.name) for row in rows)
    assert JUDGED not in CHECKS


def test_the_readme_says_of_sensors_what_the_plan_says() -> None:
    text, head = README.read_text("utf-8"), "| sensor | what it does |\n|---|---|\n"
    table = "".join(f"| `{row.name.format(model='churn')}` | {row.about(None)} |\n" for row in SENSORS)
    before, _, rest = text.partition(head)
    _, _, after = rest.partition("\n\n")
    said = f"{before}{head}{table}\n{after}"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        README.write_text(said, "utf-8")
    assert README.read_text("utf-8") == said


def test_the_readme_says_what_is_checked() -> None:
    table = README.read_text("utf-8").partition("| asset | what it is | what it checks |\n")[2].partition("\n\n")[0]
    said = {cells[1].strip(): cells[3].strip() for cells in (line.split("|") for line in table.splitlines()[1:])}
    for asset, kind in (("data sets", "dataset"), ("feature views", "features"), ("`churn/training_set`", "training_set")):
        assert said[asset].split(", ") == [row.name.replace("_", " ") for row in CHECKS[kind]]  # type: ignore[index]
