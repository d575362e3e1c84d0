"""One trained project for the whole room, and a copy of it for every test that changes something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.components.project import FIRST, KEY, Shop, make_project
from tests.copies import copy_project


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose `churn` went from data to a candidate at :data:`KEY`."""
    shop = Shop(make_project(tmp_path_factory.mktemp("trained") / "shop"))
    result = shop.life(KEY)
    assert result.success
    return shop.folder


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two weeks of orders and nothing else."""
    shop = Shop(make_project(tmp_path_factory.mktemp("data") / "shop"))
    assert shop.run("orders", first=FIRST, last="2026-01-14").success
    return shop.folder


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Shop]:
    """Open a copy of a project."""

    def copy(folder: Path) -> Shop:
        return Shop(copy_project(folder, tmp_path / "shop"))

    return copy


@pytest.fixture
def trained(trained_folder: Path, copied: Callable[[Path], Shop]) -> Shop:
    """A copy of the trained project."""
    return copied(trained_folder)


@pytest.fixture
def data(data_folder: Path, copied: Callable[[Path], Shop]) -> Shop:
    """A copy of the project with two weeks of orders."""
    return copied(data_folder)
