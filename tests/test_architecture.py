"""Who may import whom, that no import runs in a circle, and what loading the code location costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import mlops_assets
from tests.imports import circles, graph_of, imports_of, modules_of

PACKAGE = Path(mlops_assets.__file__).parent
README = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
LEAVES = {"errors", "functions", "version"}
CORE = {"data", "modeling", "monitoring", "retraining"}
ADAPTERS = {"ledger", "registry", "governance", "serving"}
MAY_IMPORT = {
    "errors": set(),
    "version": set(),
    "functions": {"errors"},
    "examples": LEAVES,
    "spec": LEAVES,
    "settings": {"spec"} | LEAVES,
    "plan": {"spec"} | LEAVES,
    "data": {"spec", "examples"} | LEAVES,
    "modeling": {"spec", "data"} | LEAVES,
    "monitoring": {"spec", "data", "modeling"} | LEAVES,
    "retraining": {"spec"} | LEAVES,
    "ledger": {"errors"},
    "registry": {"modeling", "ledger"} | LEAVES,
    "governance": {"spec", "data", "modeling", "ledger"} | LEAVES,
    "serving": {"spec", "data", "modeling", "monitoring", "ledger", "governance", "settings"} | LEAVES,
    "lifecycle": {"spec", "plan", "settings"} | CORE | ADAPTERS | LEAVES,
    "instance": {"settings"} | LEAVES,
    "components": {"spec", "plan", "settings", "lifecycle", "instance", "registry", "ledger", "data"} | LEAVES,
    "running": {"spec", "settings", "lifecycle", "instance", "registry", "components", "serving"} | LEAVES,
    "definitions": {"components", "lifecycle", "settings"},
    "cli": {"spec", "plan", "settings", "lifecycle", "components", "running"} | CORE | ADAPTERS | LEAVES,
    "__main__": {"cli"},
}
"""What each room, and each file beside the rooms, may import of ours. It may always import itself."""

KNOW_DAGSTER = {"components", "instance", "running"}
KNOW_MLFLOW = {"components", "registry"}
KNOW_A_WEB_FRAMEWORK = {"serving"}
FOREIGN = {
    "dagster": KNOW_DAGSTER,
    "dagster_mlflow": {"components"},
    "mlflow": KNOW_MLFLOW,
    "starlette": KNOW_A_WEB_FRAMEWORK,
    "uvicorn": KNOW_A_WEB_FRAMEWORK,
    "fastapi": set(),
}
"""Who may import what is not ours."""

HEAVY = ("mlflow", "evidently", "lightgbm", "sklearn", "scipy", "optuna", "pandera", "dagster_mlflow", "pandas", "duckdb", "pyarrow")
LONGEST = 400


def room_of(module: str) -> str:
    """The room of a module of ours, or its own name where it stands beside the rooms; empty for the package itself."""
    return [*module.split("."), ""][1]


@cache
def imported() -> dict[str, set[str]]:
    """What each module of the package imports."""
    return {module: imports_of(file, module) for module, file in modules_of(PACKAGE).items()}


def wrong_arrows(package: Path) -> set[str]:
    """Imports of ours that :data:`MAY_IMPORT` does not know."""
    return {
        f"{module} imports {imported}"
        for module, found in graph_of(package).items()
        for imported in found
        if room_of(module) and room_of(imported) not in {room_of(module)} | MAY_IMPORT.get(room_of(module), set())
    }


def test_a_room_imports_only_what_stands_below_it() -> None:
    assert not wrong_arrows(PACKAGE)


def test_every_room_says_what_it_may_import_and_none_is_named_that_is_not_there() -> None:
    assert {room_of(module) for module in modules_of(PACKAGE)} - {""} == set(MAY_IMPORT)


def test_no_import_runs_in_a_circle() -> None:
    assert [" -> ".join(path) for path in circles(graph_of(PACKAGE))] == []


@pytest.mark.parametrize("foreign", sorted(FOREIGN))
def test_what_is_not_ours_is_imported_only_where_it_belongs(foreign: str) -> None:
    wrong = {
        f"{module} imports {name}"
        for module, names in imported().items()
        for name in names
        if name.split(".")[0] == foreign and room_of(module) not in FOREIGN[foreign]
    }
    assert not wrong


def test_private_parts_of_dagster_are_imported_in_one_place() -> None:
    wrong = {
        f"{module} imports {name}"
        for module, names in imported().items()
        for name in names
        if name.startswith(("dagster._", "dagster.core")) and module != "mlops_assets.instance.private"
    }
    assert not wrong, "mlops_assets.instance.private names each of them, and why it is needed"


def test_a_planted_circle_is_found_and_its_path_is_told(tmp_path: Path) -> None:
    package = tmp_path / "house"
    (package / "rooms").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "rooms" / "__init__.py").write_text("")
    (package / "cellar.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.rooms.hall import Hall\n")
    (package / "rooms" / "hall.py").write_text("def open_door():\n    from house import roof\n")
    (package / "roof.py").write_text("from importlib import import_module\ndef climb(name):\n    return import_module(f'house.{name}')\n")
    assert [" -> ".join(path) for path in circles(graph_of(package))] == ["house.cellar -> house.rooms.hall -> house.roof -> house.cellar"]
    (package / "roof.py").write_text("")
    assert not [*circles(graph_of(package))]


def test_a_planted_arrow_against_the_rule_is_found(tmp_path: Path) -> None:
    package = tmp_path / "mlops_assets"
    for room in ("spec", "lifecycle"):
        (package / room).mkdir(parents=True)
    (package / "spec" / "model.py").write_text("")
    (package / "lifecycle" / "needs.py").write_text("from mlops_assets.spec import model\n")
    assert not wrong_arrows(package)
    (package / "spec" / "model.py").write_text("def read():\n    from mlops_assets.lifecycle import needs\n")
    assert wrong_arrows(package) == {"mlops_assets.spec.model imports mlops_assets.lifecycle.needs"}


def test_the_readme_names_every_room_and_no_other() -> None:
    tree = README.partition("## Where things are")[2].partition("```\n")[2].partition("```")[0]
    said = [line for line in tree.splitlines() if line.startswith("  ") and line.split()]
    rooms = {line.split()[0].rstrip("/") for line in said if not line.startswith("    ")}
    assert rooms == {file.name for file in PACKAGE.iterdir() if file.is_dir() and file.name != "__pycache__"}


def test_where_the_readme_says_that_new_things_go_there_are_such_things_already() -> None:
    table = README.partition("| a new … |")[2].partition("\n\n")[0]
    places = re.findall(r"`((?:[a-z_]+/)+[a-z_<>]*(?:\.py|…)?)", table)
    assert len(places) > 15
    for place in places:
        pattern = re.sub(r"<[a-z]+>", "*", place).replace("…", "*")
        assert [*PACKAGE.glob(pattern)], f"the README names {place}, and there is nothing"


def test_files_are_short() -> None:
    lengths = {str(file.relative_to(PACKAGE)): len(file.read_text(encoding="utf-8").splitlines()) for file in PACKAGE.rglob("*.py")}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_loading_the_code_location_imports_nothing_heavy() -> None:
    code = f"import sys, mlops_assets.definitions; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_lifecycle_loads_without_dagster_mlflow_and_web_frameworks() -> None:
    names = sorted(module for module in modules_of(PACKAGE) if module.startswith("mlops_assets.lifecycle"))
    strangers = ("dagster", "mlflow", "starlette", "uvicorn")
    code = f"import sys\nfor name in {names!r}: __import__(name)\nprint([m for m in {strangers!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_parquet_is_read_where_no_thread_of_arrow_outlives_python() -> None:
    found = {
        f"{file.relative_to(PACKAGE)}:{node.lineno} reads with {node.attr}"
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"read_table", "read_parquet"}
    }
    assert not found, "mlops_assets.data.store.parquet says why"
