"""Features by entity: published from what views store, looked up at prediction time, with their age in the answer."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from mlops_assets.data.store import open_store
from mlops_assets.modeling.bundle import Bundle
from mlops_assets.modeling.requests.errors import RequestError
from mlops_assets.serving.entities import EntityFeatures
from mlops_assets.serving.errors import ServingError
from mlops_assets.serving.online import SqliteStore, lookup, open_online, publish
from mlops_assets.serving.publishing import publish_newest, publish_partition
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.feature_view import FeatureView
from tests.serving.projects import TYPES, Project, Running, people, start

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DEFINITIONS = """
type: mlops_assets.Dataset
attributes:
  name: visits
  source: {csv: visits.csv}
  partitions: {every: day, start: 2026-01-01}
  event_time: at
  columns: {person: {type: int64}, at: {type: datetime}}
---
type: mlops_assets.FeatureView
attributes:
  name: body
  entity: person
  from: visits
  lookback: 30d
  online: {max_age: 30d}
  sql: select person, 1 as age, 1.0 as income, true as member from visits
---
type: mlops_assets.FeatureView
attributes:
  name: habits
  entity: person
  from: visits
  lookback: 30d
  online: {max_age: 2d, on_stale: warn}
  sql: select person, 'a' as job, max(at) as seen, date '1990-01-01' as born from visits group by person
---
type: mlops_assets.Model
attributes:
  name: m
  task: binary_classification
  entity: person
  features: [body.*, habits.*]
  label: {horizon: 30d, sql: "select person, true as happy from visits", default: false}
  training: {window: 180d, holdout: 30d}
"""


def view(name: str = "body", **online: Any) -> FeatureView:
    body = {"name": name, "entity": "person", "from": "visits", "lookback": "30d", "sql": "select 1", "online": online}
    return FeatureView.model_validate(body)


def table(**columns: Any) -> pa.Table:
    return pa.table(columns)


@pytest.fixture
def online(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "online.db")
    yield store
    store.close()


def test_the_newest_as_of_row_of_each_entity_is_found_whatever_the_order_of_publication(online: SqliteStore) -> None:
    assert publish(online, view(), table(person=[1, 2], age=[30, 40]), NOW).entities == 2
    assert publish(online, view(), table(person=[1, 3], age=[29, 50]), NOW - timedelta(days=1)).entities == 1, (
        "an older row replaces nothing"
    )
    publish(online, view(), table(person=[2], age=[41]), NOW + timedelta(days=1))
    found = lookup(online, "body", [[1], ["2"], [3], [4]])
    assert [row.features["age"] if row else None for row in found] == [30, 41, 50, None]
    assert found[1] is not None
    assert datetime.fromtimestamp(found[1].as_of / 1e6, UTC) == NOW + timedelta(days=1)
    assert lookup(online, "another view", [[1]]) == [None]
    assert online.prune("body", int(NOW.timestamp() * 1e6)) == 1
    assert lookup(online, "body", [[3]]) == [None]


def test_values_of_every_type_come_back_as_rows_take_them(online: SqliteStore) -> None:
    moment = datetime(2026, 2, 1, 12, 30, tzinfo=UTC)
    rows = table(
        person=["x"],
        whole=[2**53 + 1],
        real=[0.1],
        lost=pa.array([float("nan")]),
        none=pa.array([None], pa.int64()),
        truth=[True],
        text=["ü"],
        seen=pa.array([moment], pa.timestamp("us", tz="UTC")),
        born=[date(1990, 1, 2)],
    )
    publish(online, view(), rows, NOW)
    (found,) = lookup(online, "body", [["x"]])
    assert found is not None
    assert found.features == {
        "whole": 2**53 + 1,
        "real": 0.1,
        "lost": None,
        "none": None,
        "truth": True,
        "text": "ü",
        "seen": "2026-02-01T12:30:00+00:00",
        "born": "1990-01-02",
    }


def test_an_entity_of_several_columns(online: SqliteStore) -> None:
    pairs = FeatureView.model_validate({**view().model_dump(by_alias=True), "entity": ["shop", "person"]})
    publish(online, pairs, table(shop=["a", "b"], person=[1, 1], age=[1, 2]), NOW)
    found = lookup(online, "body", [["b", 1], ["b", "1"], ["a", 2]])
    assert [row.features["age"] if row else None for row in found] == [2, 2, None]


def entities(online: SqliteStore, *views: FeatureView, now: datetime = NOW) -> EntityFeatures:
    return EntityFeatures(["person"], views, online, clock=now.timestamp)


def test_features_that_are_too_old_are_refused_or_warned_about_as_the_view_says(online: SqliteStore) -> None:
    publish(online, view(), table(person=[1], age=[30]), NOW - timedelta(days=3))
    rows, fresh = entities(online, view(max_age="5d")).complete([{"person": 1}], ["age"])
    assert rows == [{"person": 1, "age": 30}]
    assert (fresh.age, fresh.stale) == (3 * 86400, ())
    _, warned = entities(online, view(max_age="2d", on_stale="warn")).complete([{"person": 1}], ["age"])
    assert warned.stale == ("body",)
    with pytest.raises(RequestError, match=r"3\.0 days old; the model takes them up to 2d") as caught:
        entities(online, view(max_age="2d")).complete([{"person": 1}], ["age"])
    assert (caught.value.status, caught.value.code) == (503, "stale_features")
    assert entities(online, view(max_age="1 month")).complete([{"person": 1}], ["age"])[1].stale == ()


def test_an_entity_that_one_view_does_not_know_has_missing_values_and_one_that_none_knows_is_refused(online: SqliteStore) -> None:
    publish(online, view("body"), table(person=[1], age=[30]), NOW)
    publish(online, view("habits"), table(person=[2], job=["smith"]), NOW)
    both = entities(online, view("body"), view("habits"))
    rows, _ = both.complete([{"person": 1}, {"person": 2}], ["age", "job"])
    assert rows == [{"person": 1, "age": 30, "job": None}, {"person": 2, "age": None, "job": "smith"}]
    with pytest.raises(RequestError, match="row 1, field 'person': is an entity that has no features here") as caught:
        both.complete([{"person": 1}, {"person": 3}], ["age", "job"])
    assert caught.value.status == 422
    with pytest.raises(RequestError, match="have no height"):
        entities(online, view("body")).complete([{"person": 1}], ["age", "height"])


def test_an_online_table_that_cannot_be_read_is_a_503(tmp_path: Path) -> None:
    online = SqliteStore(tmp_path / "online.db")
    publish(online, view(), pa.table({"person": [1], "age": [30]}), NOW)
    features = EntityFeatures(["person"], [view()], online, clock=NOW.timestamp)
    assert features.complete([{"person": 1}], ["age"])[0] == [{"person": 1, "age": 30}]
    with closing(sqlite3.connect(tmp_path / "online.db")) as connection:
        connection.execute("DROP TABLE online")
    with pytest.raises(RequestError, match="does not answer") as refused:
        features.complete([{"person": 1}], ["age"])
    assert (refused.value.status, refused.value.code) == (503, "features_unavailable")


@pytest.mark.skipif(find_spec("redis") is not None, reason="the driver is installed")
def test_redis_without_its_driver_says_what_to_install() -> None:
    with pytest.raises(ServingError, match="Install the package redis"):
        open_online("redis://127.0.0.1:1/0")


def test_publication_takes_the_partitions_as_of_time_and_only_views_that_are_online(tmp_path: Path, online: SqliteStore) -> None:
    visits = Dataset.model_validate(
        {"name": "visits", "source": {"csv": "v.csv"}, "partitions": {"every": "day", "start": "2026-01-01"}, "event_time": "at"}
    )
    catalogue = Catalogue.of(visits, view("body"), FeatureView.model_validate({**view("hidden").model_dump(by_alias=True), "online": None}))
    store = open_store(str(tmp_path / "store"))
    for key, age in (("2026-02-01", 1), ("2026-02-02", 2)):
        for name in ("body", "hidden"):
            store.write(name, key, table(person=[1], age=[age]))
    assert publish_newest(catalogue, store, online) == {"body": (1, 0)}
    (found,) = lookup(online, "body", [[1]])
    assert found is not None
    assert (found.features["age"], found.as_of) == (2, int(datetime(2026, 2, 3, tzinfo=UTC).timestamp() * 1e6))
    assert publish_partition(catalogue.views["body"], catalogue, "2026-02-01", store, online).entities == 0
    assert publish_partition(catalogue.views["hidden"], catalogue, "2026-02-01", store, online).entities == 0


@pytest.fixture(scope="module")
def looking_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Running, Bundle, str]]:
    project = Project(tmp_path_factory.mktemp("looking_up"))
    (project.folder / "definitions" / "m").mkdir()
    (project.folder / "definitions" / "m" / "defs.yaml").write_text(DEFINITIONS)
    bundle = project.trained()
    project.promoted(bundle)
    key = project.key("caller", "viewer")
    server = start(project)
    yield project, server, bundle, key
    assert server.stop() == 0, server.log.read_text()


def test_online_values_are_the_offline_ones_for_the_same_entity_and_time(
    looking_up: tuple[Project, Running, Bundle, str],
) -> None:
    project, server, bundle, key = looking_up
    frame = people().tail(50).reset_index(drop=True)
    offline = pa.Table.from_pandas(frame[["person", *TYPES]], preserve_index=False)
    online = open_online(project.settings.online_url)
    fresh, old = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) - timedelta(days=5)
    publish(online, view("body"), offline.select(["person", "age", "income", "member"]), fresh)
    publish(online, view("habits"), offline.select(["person", "job", "seen", "born"]), old)
    expected = bundle.predict(frame).tolist()
    with server.client(key) as client:
        deadline = time.monotonic() + 2
        while client.get("/models").status_code != 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        answer = client.post("/models/m/predict", json={"data": [{"person": int(n)} for n in frame["person"]]})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["predictions"] == expected
        assert body["features"]["stale"] == ["habits"]
        assert 5 * 86400 - 60 < body["features"]["age_seconds"] < 5 * 86400 + 60
        assert set(body["features"]["as_of"]) == {"body", "habits"}
        one = client.post("/models/m/predict", json={"data": [{"person": str(frame["person"][3])}]}).json()
        assert one["predictions"] == [expected[3]], "a key may be written as text"
        mixed = [{"person": int(frame["person"][0])}, bundle.json_rows(frame.iloc[[1]])[0]]
        both = client.post("/models/m/predict", json={"data": mixed}).json()
        assert both["predictions"] == expected[:2]
        refused = client.post("/models/m/predict", json={"data": [mixed[1], {"person": 10**9}]}).json()
        assert [(p["row"], p["field"]) for p in refused["error"]["problems"]] == [(1, "person")]
        assert 'mlops_features_stale_total{model="m"}' in client.get("/metrics").text
    time.sleep(0.3)
    lines = [json.loads(text) for path in project.settings.journal.glob("*.jsonl") for text in path.read_text().splitlines()]
    record = next(line for line in lines if line[1] == body["prediction_ids"])
    assert (record[8][0]["age"], record[8][0]["job"]) == (int(frame["age"][0]), frame["job"][0]), "the values that were used"
    assert set(record[11][0]) == {"body", "habits"}


def test_a_column_of_whole_numbers_with_gaps_is_the_same_online(online: SqliteStore) -> None:
    frame = pd.DataFrame({"person": [1, 2], "age": pd.array([5, None], dtype="Int64")})
    publish(online, view(), pa.Table.from_pandas(frame, preserve_index=False), NOW)
    assert [row.features["age"] for row in lookup(online, "body", [[1], [2]]) if row] == [5, None]
