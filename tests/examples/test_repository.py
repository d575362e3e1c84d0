"""What a fresh clone is set up with."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATE = REPOSITORY / "mlops_assets" / "examples" / "project"

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that make looks at, without an environment."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    return tmp_path


def make(folder: Path, *arguments: str, path: str | None = None) -> str:
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment = {**outer, "PATH": path or os.environ["PATH"]}
    done = subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@needs_make
@pytest.mark.parametrize("target", ["demo", "test", "lint", "ui", "bench"])
def test_every_target_sets_up_what_it_needs_first(clone: Path, target: str) -> None:
    plan = make(clone, "-n", target)
    assert plan.index("--require-hashes -r requirements.lock") < plan.index("--no-deps --editable .") < plan.rindex(".venv/bin/")


@needs_make
def test_what_is_set_up_is_not_set_up_again(clone: Path) -> None:
    (clone / ".venv").mkdir()
    for stamp in (".locked", ".installed"):
        (clone / ".venv" / stamp).touch()
    assert "requirements.lock" not in make(clone, "-n", "demo")
    os.utime(clone / "pyproject.toml", (2**32, 2**32))
    plan = make(clone, "-n", "demo")
    assert "--editable ." in plan
    assert "requirements.lock" not in plan


@needs_make
def test_uv_is_used_where_it_is_installed(clone: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    uv = tools / "uv"
    uv.write_text("#!/bin/sh\n")
    uv.chmod(0o755)
    assert f'"{uv}" pip install' in make(clone, "-n", "setup", path=f"{tools}:{os.environ['PATH']}")


@needs_make
def test_help_names_every_target(clone: Path) -> None:
    named = {line.split()[0] for line in make(clone, "help").splitlines()}
    assert named == {"help", "setup", "demo", "loop", "test", "search", "lint", "ui", "bench", "clean"}


@needs_make
def test_clean_keeps_what_belongs_to_the_repository(clone: Path) -> None:
    instance = clone / "dagster_home"
    for folder in (".venv", ".mlops", "dagster_home/storage"):
        (clone / folder).mkdir(parents=True)
    (instance / "dagster.yaml").touch()
    make(clone, "clean")
    assert sorted(path.name for path in clone.iterdir()) == ["Makefile", "dagster_home", "pyproject.toml", "requirements.lock"]
    assert [path.name for path in instance.iterdir()] == ["dagster.yaml"]


def test_the_ci_script_is_executable_bash() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_instance_is_one_that_dagster_accepts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster import DagsterInstance

    shutil.copy(REPOSITORY / "dagster_home" / "dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with DagsterInstance.get() as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert instance.run_retries_retry_on_asset_or_op_failure is False
        assert instance.telemetry_enabled is False
        assert instance.get_settings("concurrency")["pools"] == {"granularity": "op", "default_limit": 1}


def test_a_new_project_gets_the_same_workspace_instance_and_dg_settings() -> None:
    import tomllib

    for file in ("workspace.yaml", "dagster_home/dagster.yaml"):
        assert (TEMPLATE / file).read_text() == (REPOSITORY / file).read_text()
    ours, theirs = (tomllib.loads((folder / "pyproject.toml").read_text()) for folder in (REPOSITORY, TEMPLATE))
    assert theirs["tool"]["dg"] == ours["tool"]["dg"]


def test_the_workspace_names_the_code_location_as_dg_does() -> None:
    import tomllib

    workspace = yaml.safe_load((REPOSITORY / "workspace.yaml").read_text())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    (entry,) = workspace["load_from"]
    assert entry["python_module"] == {"module_name": project["code_location_target_module"], "location_name": project["code_location_name"]}


def test_the_licence_is_apache_2() -> None:
    text = (REPOSITORY / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
