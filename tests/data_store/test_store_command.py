"""`mlops store` as people and programs call it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from mlops_assets.cli.store import register
from mlops_assets.data.store import Store, open_store
from mlops_assets.errors import MlopsError

app = typer.Typer()
register(app)
app.callback()(lambda: None)


@pytest.fixture
def project(tmp_path: Path, orders: pa.Table) -> Path:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.mlops]\nstore_url = "' + str(tmp_path / "kept") + '"\n')
    store = open_store(str(tmp_path / "kept"))
    store.write("orders", "2026-01-01", orders)
    store.write("orders", "2026-01-01", orders.slice(1))
    store.write("customers", None, orders)
    store.set_pointer("schema/orders", {"columns": []})
    return tmp_path


def call(project: Path, *arguments: str, code: int = 0, answer: str | None = None) -> str:
    result = CliRunner().invoke(app, ["store", *arguments, "--project", str(project)], input=answer, catch_exceptions=True)
    if isinstance(result.exception, MlopsError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def kept(project: Path) -> Store:
    return open_store(str(project / "kept"))


def test_ls_shows_assets_and_their_partitions(project: Path) -> None:
    assert "orders" in call(project, "ls")
    assets = json.loads(call(project, "ls", "--json"))["assets"]
    assert [(row["asset"], row["partitions"], row["rows"]) for row in assets] == [("customers", 1, 3), ("orders", 1, 2)]
    assert "2026-01-01" in call(project, "ls", "orders")
    with pytest.raises(MlopsError, match=r"Did you mean 'orders'\?"):
        call(project, "ls", "order")


def test_history_shows_every_version_and_which_is_current(project: Path) -> None:
    versions = json.loads(call(project, "history", "orders", "2026-01-01", "--json"))["versions"]
    assert [(row["rows"], row["state"]) for row in versions] == [(3, ""), (2, "current")]
    with pytest.raises(MlopsError, match="no partition 2026-01-09"):
        call(project, "history", "orders", "2026-01-09")


def test_verify_is_0_for_a_sound_store_and_1_with_the_altered_file(project: Path) -> None:
    assert "is sound" in call(project, "verify")
    file = next((project / "kept").rglob("*.parquet"))
    file.write_bytes(file.read_bytes() + b"x")
    assert file.name in call(project, "verify", "--json", code=1)


def test_gc_says_what_would_go_and_then_removes_it(project: Path) -> None:
    assert "no version can go" in call(project, "gc")
    assert json.loads(call(project, "gc", "--older-than", "0d", "--dry-run", "--json"))["versions"]
    assert "removed" in call(project, "gc", "--older-than", "0d")
    assert len(kept(project).files.find("data/orders/partition=2026-01-01/_manifests")) == 1
    with pytest.raises(MlopsError, match="is not a duration"):
        call(project, "gc", "--older-than", "soon")


def test_erase_asks_first(project: Path) -> None:
    arguments = ("erase", "customer_id=7", "--reason", "request 2026-17")
    call(project, *arguments, code=1, answer="n\n")
    assert kept(project).read(kept(project).current("customers")).num_rows == 3
    call(project, *arguments, "--dry-run")
    call(project, *arguments, answer="y\n")
    assert kept(project).read(kept(project).current("customers")).num_rows == 1
    assert "erased" in call(project, "history", "orders", "2026-01-01")
    assert "no row belongs" in call(project, *arguments, "--yes")
    with pytest.raises(MlopsError, match="no column=value"):
        call(project, "erase", "customer_id", "--reason", "x")


def test_unpin_lets_go_of_inferred_columns(project: Path) -> None:
    call(project, "unpin", "orders")
    assert kept(project).get_pointer("schema/orders") is None
    with pytest.raises(MlopsError, match="no columns"):
        call(project, "unpin", "orders")
