"""SQL of features, labels and populations runs in UTC, and can ask for the clock of the calendar's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from mlops_assets.data.features.computing import compute_features
from mlops_assets.data.features.sandbox import Sandbox
from mlops_assets.data.store import Store, open_store
from mlops_assets.data.training_sets.labels import LabelReader, Population
from mlops_assets.spec import Dataset, FeatureView, Model
from mlops_assets.spec.catalogue import Catalogue

MOMENT = pa.timestamp("us", tz="UTC")
LOCAL = """
    select 7 as user_id, list(local_date(seen) order by seen)::varchar as days, list(hour(local_time(seen)) order by seen)::varchar as hours
"""


def clicks(zone: str) -> Dataset:
    spec: dict[str, Any] = {"name": "clicks", "source": {"csv": "clicks.csv"}, "event_time": "seen"}
    return Dataset.model_validate({**spec, "partitions": {"every": "day", "start": date(2024, 10, 25), "timezone": zone}})


def stored(folder: Path, dataset: Dataset, moments: list[datetime]) -> Store:
    store, calendar = open_store(str(folder / "store")), dataset.calendar
    assert calendar is not None
    parts: dict[str, list[datetime]] = {key: [] for key in calendar.between("2024-10-25", "2024-10-30")}
    for moment in moments:
        parts[calendar.key_of(moment)].append(moment)
    for key, part in parts.items():
        store.write("clicks", key, pa.table({"user_id": pa.array([7] * len(part), pa.int64()), "seen": pa.array(part, MOMENT)}))
    return store


NIGHT = [datetime(2024, 10, 26, 21, 30, tzinfo=UTC) + timedelta(hours=hours) for hours in range(5)]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Kiritimati", "America/New_York", "UTC"])
def test_local_dates_and_times_of_features_are_those_of_the_calendars_clock(tmp_path: Path, zone: str) -> None:
    dataset = clicks(zone)
    store = stored(tmp_path, dataset, NIGHT)
    view = FeatureView.model_validate(
        {"name": "habits", "entity": "user_id", "from": ["clicks"], "lookback": "3d", "sql": f"{LOCAL} from clicks having count(*) > 0"}
    )
    (computed,) = compute_features(view, Catalogue.of(dataset, view), ["2024-10-28"], store)
    (row,) = store.read(computed.manifest).to_pylist()
    clock = [moment.astimezone(ZoneInfo(zone)) for moment in NIGHT]
    assert row["days"] == f"[{', '.join(str(moment.date()) for moment in clock)}]"
    assert row["hours"] == f"[{', '.join(str(moment.hour) for moment in clock)}]"


def test_labels_and_populations_have_the_same_clock(tmp_path: Path) -> None:
    dataset = clicks("Pacific/Kiritimati")
    store = stored(tmp_path, dataset, NIGHT)
    view = FeatureView.model_validate(
        {
            "name": "habits",
            "entity": "user_id",
            "from": ["clicks"],
            "lookback": "3d",
            "sql": "select user_id, 1 as n from clicks group by 1",
        }
    )
    model = Model.model_validate(
        {
            "name": "m",
            "task": "regression",
            "entity": "user_id",
            "features": ["habits.*"],
            "population": "select distinct user_id from clicks where local_date(seen) = date '2024-10-27'",
            "label": {"horizon": "2d", "sql": "select user_id, max(day(local_time(seen))) as last from clicks group by user_id"},
            "training": {"window": "4d", "holdout": "1d"},
        }
    )
    catalogue = Catalogue.of(dataset, view, model)
    calendar = dataset.calendar
    assert calendar is not None
    start, end = calendar.start_of("2024-10-27"), calendar.end_of("2024-10-28")
    with Sandbox() as box, Sandbox() as other:
        labels = LabelReader(model, catalogue, [(start, end)], store, box).at(start, end)
        people, _ = Population(model, catalogue, [end], store, other).at(end)
    assert labels.table.to_pylist() == [{"user_id": 7, "last": 27}]
    assert people.to_pylist() == [{"user_id": 7}]


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("date '2024-10-27'", "2024-10-27"),
        ("timestamp '2024-10-27 23:59:00'", "2024-10-27"),
        ("timestamptz '2024-10-27 22:30:00Z'", "2024-10-27"),
        ("timestamptz '2024-10-27 23:30:00Z'", "2024-10-28"),
        ("null::timestamptz", None),
    ],
)
def test_what_has_no_zone_is_on_the_clock_already(written: str, day: str | None) -> None:
    with Sandbox() as box:
        box.set_zone("Europe/Berlin")
        found = box.table(f"select local_date({written})::varchar as day").to_pylist()
    assert found == [{"day": day}]
