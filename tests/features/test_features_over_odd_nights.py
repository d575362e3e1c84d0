"""Features of rows that carry a plain date see each day from its end on, also where midnight comes twice or never."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_assets.data.features.computing import compute_features
from mlops_assets.data.store import open_store
from mlops_assets.spec import Dataset, FeatureView
from mlops_assets.spec.catalogue import Catalogue

SQL = 'select id, max("on") as newest, count(*) as n from sales group by id'


@pytest.mark.parametrize(
    ("zone", "night"),
    [
        ("America/Havana", date(2024, 11, 3)),
        ("Atlantic/Azores", date(2024, 10, 27)),
        ("America/Sao_Paulo", date(2018, 11, 4)),
        ("America/Sao_Paulo", date(2018, 2, 18)),
        ("Africa/Cairo", date(2024, 4, 26)),
        ("Europe/Berlin", date(2024, 10, 27)),
        ("UTC", date(2024, 10, 27)),
    ],
)
def test_a_day_is_seen_from_its_end_on(tmp_path: Path, zone: str, night: date) -> None:
    store, start = open_store(str(tmp_path / "store")), night - timedelta(days=3)
    sales = Dataset(name="sales", source={"csv": "x"}, partitions={"every": "day", "start": start, "timezone": zone}, event_time="on")
    view = FeatureView(
        name="day",
        entity="id",
        **{"from": ["sales"]},
        lookback="1d",
        sql=SQL,
    )
    days = [start + timedelta(days=number) for number in range(6)]
    for day in days:
        store.write("sales", day.isoformat(), pa.table({"id": [1], "on": pa.array([day], pa.date32())}))
    for made in compute_features(view, Catalogue.of(sales, view), [day.isoformat() for day in days], store):
        (row,) = store.read(made.manifest).to_pylist()
        assert (str(row["newest"])[:10], row["n"]) == (made.key, 1)
