"""A definition that was in force once is read as it was, also where its calendar would be refused today."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from mlops_assets.governance.reproduction import recorded_definition
from mlops_assets.spec import Dataset
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.dataset import AS_RECORDED
from mlops_assets.spec.decides import without_later_defaults


@pytest.mark.parametrize(
    ("partitions", "first"),
    [
        ({"every": "week", "start": "2024-01-07", "end": "2024-03-06"}, "2024-01-08"),
        ({"every": "month", "start": "2024-01-31"}, "2024-02-01"),
        ({"every": "day", "start": "2011-12-01", "timezone": "Pacific/Apia"}, "2011-12-01"),
    ],
)
def test_a_recorded_calendar_is_what_it_was(tmp_path: Path, partitions: dict[str, str], first: str) -> None:
    declared = {"name": "orders", "source": {"csv": "x"}, "partitions": partitions, "event_time": "at"}
    with pytest.raises(ValidationError):
        Dataset.model_validate(declared)
    recorded = without_later_defaults(Dataset.model_validate(declared, context=AS_RECORDED))
    body = {"orders": {"kind": "Dataset", "declaration": recorded, "functions": {}}}
    catalogue, changed = recorded_definition(body, Catalogue.of(project=tmp_path))
    assert changed == []
    found = catalogue.datasets["orders"].partitions
    assert found is not None
    assert found.start == date.fromisoformat(partitions["start"])
    assert found.calendar.first_key == first
