"""The situations of public bug reports that are kept beside the project, each with the cells that are right."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlops_assets.data.ingest import ingest
from mlops_assets.data.store import open_store
from mlops_assets.spec import Dataset

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "ingestion" / "cases.yaml"


def with_cells() -> list[Any]:
    """Cases of text files whose answer is cells."""
    if not CASES.is_file():
        return []
    found = [case for case in yaml.safe_load(CASES.read_text("utf-8")) if isinstance(case["right"], dict)]
    return [pytest.param(case, id=case["name"]) for case in found if all(name.endswith(".csv") for name in case["files"])]


def plain(value: Any) -> Any:
    """A cell as the case has it: days by name."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.skipif(not CASES.is_file(), reason="the folder of cases is not there")
@pytest.mark.parametrize("grouped", [True, False], ids=["one read", "a read each"])
@pytest.mark.parametrize("case", with_cells())
def test_the_cells_of_a_case_are_right_in_one_read_and_in_many(project: Any, case: dict[str, Any], grouped: bool) -> None:
    for name, text in case["files"].items():
        (project.folder / "data").mkdir(exist_ok=True)
        (project.folder / "data" / str(name)).write_bytes(text.encode())
    dataset = Dataset(name="rows", **case["dataset"])
    store = open_store(str(project.folder / "cases"))
    keys = [str(key) for key in case["right"]] if dataset.partitions else None
    wanted = sorted({Path(str(name)).stem for name in case["files"]}) if keys and "{partition}" in str(case["dataset"]["source"]) else keys
    for group in [wanted] if grouped or wanted is None else [[key] for key in wanted]:
        list(ingest(dataset, group, store, project.context))
    for key, columns in case["right"].items():
        manifest = store.current("rows", str(key) if keys else None)
        assert manifest is not None
        rows = store.read(manifest).to_pylist()
        assert {name: [plain(row[name]) for row in rows] for name in columns} == columns
