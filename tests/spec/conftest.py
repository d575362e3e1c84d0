"""Small projects written to disk."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_assets.spec.checking.check import check_project
from mlops_assets.spec.problems import Problem

Check = Callable[..., list[Problem]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Write one defs.yaml (and other files, by path below definitions/) and return the problems of the project."""

    def run(text: str, environment: dict[str, str] | None = None, **files: str) -> list[Problem]:
        folder = tmp_path / "definitions" / "shop"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "defs.yaml").write_text(textwrap.dedent(text).lstrip("\n"))
        for name, content in files.items():
            path = folder / name.replace("__", "/").replace("_py", ".py").replace("_yaml", ".yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))
        return check_project(tmp_path, environment or {})[1]

    return run
