"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parent.parent

OF_THE_SUITE = ("MLOPS_TEST_DATA", "MLOPS_CONTRACT_CASES", "MLOPS_KILLS", "MLOPS_SCREENSHOTS", "MLOPS_TEST_EXAMPLES")
"""Settings of the tests themselves; everything else that the caller's shell says about a project is not theirs."""


def _settings() -> list[str]:
    return [name for name in os.environ if name.startswith(("MLOPS_", "DAGSTER_HOME")) and name not in OF_THE_SUITE]


def pytest_configure() -> None:
    """Take the caller's own project, key and Dagster instance out of the environment before anything reads it.

    The examples of a property are the same each time, unless ``MLOPS_TEST_EXAMPLES=random`` asks for others, so that a change is
    judged by what it changes. None has a deadline: on a busy machine any of them may take long.
    """
    settings.register_profile("suite", deadline=None, derandomize=os.environ.get("MLOPS_TEST_EXAMPLES") != "random")
    settings.load_profile("suite")
    for name in _settings():
        del os.environ[name]


@pytest.fixture(autouse=True)
def _no_setting_is_left_for_the_next_test() -> Iterator[None]:
    yield
    assert _settings() == [], "a test or a fixture has set them for every test that follows in this process"


@pytest.fixture(autouse=True, scope="module")
def _mlflow_lets_go_of_a_modules_databases() -> Iterator[None]:
    """MLflow keeps the connections of every database that a process has seen, and each test has one of its own."""
    yield
    for store in ("tracking", "model_registry"):
        module = sys.modules.get(f"mlflow.store.{store}.sqlalchemy_store")
        for engine in module.SqlAlchemyStore._engine_map.values() if module else ():
            engine.dispose()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real public data sets; the test is skipped where it is absent."""
    folder = Path(os.environ.get("MLOPS_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data sets are not at {folder}; set MLOPS_TEST_DATA to their folder")
    return folder
