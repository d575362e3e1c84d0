"""Who may import whom, and what loading the code location costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mlops_assets

PACKAGE = Path(mlops_assets.__file__).parent
ROOMS = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file() or any(folder.glob("*.py"))}
CORE = {"data", "modeling", "rollout", "monitoring", "retraining"}
LEAVES = {"errors", "functions"}
MAY_IMPORT = {
    "spec": {"spec"} | LEAVES,
    "plan": {"spec", "plan"} | LEAVES,
    "data": {"spec", "examples", "data"} | LEAVES,
    "modeling": {"spec", "data", "modeling"} | LEAVES,
    "rollout": {"spec", "rollout"} | LEAVES,
    "monitoring": CORE | {"spec"} | LEAVES,
    "retraining": CORE | {"spec"} | LEAVES,
}
FOREIGN_TO_THE_CORE = {"dagster", "dagster_mlflow", "mlflow", "starlette", "uvicorn", "fastapi"}
HEAVY = ("mlflow", "evidently", "lightgbm", "sklearn", "scipy", "optuna", "pandera", "dagster_mlflow", "pandas", "duckdb", "pyarrow")


def imports_of(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} if node.module != "mlops_assets" else {f"mlops_assets.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_what_stands_below_it(room: str) -> None:
    wrong = {
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in (PACKAGE / room).rglob("*.py")
        for name in imports_of(file)
        if name.startswith("mlops_assets.") and name.split(".")[1] not in MAY_IMPORT[room]
    }
    assert not wrong


@pytest.mark.parametrize("room", sorted({*CORE, "spec", "plan"}))
def test_the_pure_rooms_know_neither_dagster_nor_mlflow_nor_a_web_framework(room: str) -> None:
    wrong = {
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in (PACKAGE / room).rglob("*.py")
        for name in imports_of(file)
        if name.split(".")[0] in FOREIGN_TO_THE_CORE
    }
    assert not wrong


def test_loading_the_code_location_imports_nothing_heavy() -> None:
    code = f"import sys, mlops_assets.definitions; print([m for m in {HEAVY!r} if m in sys.modules])"
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
