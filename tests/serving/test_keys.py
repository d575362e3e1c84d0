"""A key is published, looked up and routed by one text, whatever type it has where it comes from; in SQLite and in Redis."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from mlops_assets.modeling.requests.errors import RequestError
from mlops_assets.modeling.requests.reader import RowReader
from mlops_assets.serving.compaction import _key_column
from mlops_assets.serving.entities import EntityFeatures
from mlops_assets.serving.errors import ServingError
from mlops_assets.serving.online import OnlineStore, lookup, open_online, publish
from mlops_assets.spec.feature_view import FeatureView
from tests.serving.projects import Project, json_rows
from tests.serving.test_redis import Redis

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HAS_REDIS = shutil.which("redis-server") is not None and find_spec("redis") is not None
needs_redis = pytest.mark.skipif(not HAS_REDIS, reason="no driver or no server of Redis")


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis)])
def online(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnlineStore]:
    redis = Redis(tmp_path) if request.param == "redis" else None
    if redis is not None:
        redis.start()
    store = open_online(redis.url if redis is not None else str(tmp_path / "online.db"))
    yield store
    store.close()
    if redis is not None:
        redis.end()


def view(*entity: str) -> FeatureView:
    body = {"name": "v", "entity": list(entity), "from": "t", "lookback": "30d", "sql": "select 1", "online": {}}
    return FeatureView.model_validate(body)


def found(online: OnlineStore, body: str, *entity: str) -> Any:
    """The feature that a request for entities gets, as the server reads it."""
    features = EntityFeatures(entity or ("cid",), [view(*(entity or ("cid",)))], online, clock=NOW.timestamp)
    content = body.encode()
    try:
        rows = features.decode(content)
    except ValueError:
        rows = msgspec.json.decode(content)["data"]
        assert all(features.asks(row) for row in rows)
    return [row["x"] for row in features.complete(rows, ["x"])[0]]


def test_keys_that_became_floats_are_found_and_the_missing_one_is_counted(online: OnlineStore) -> None:
    rows = pa.table({"cid": pa.array([42.0, 43.0, None]), "x": [1, 2, 3]})
    assert publish(online, view("cid"), rows, NOW) == (2, 1)
    assert found(online, '{"data":[{"cid":42},{"cid":"42"},{"cid":42.0},{"cid":4.3e1}]}') == [1, 1, 1, 2]
    assert [one is not None for one in lookup(online, "v", [[42], [42.0], ["43"], ["42.0"], [None]])] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (pa.array([7, 8]), ["7", '"7"', "7.0"]),
        (pa.array([2**63 - 1, 8]), ["9223372036854775807", '"9223372036854775807"']),
        (pa.array(["042", "42"]), ['"042"']),
        (pa.array(["12345678901234567891", "a"]), ['"12345678901234567891"', "12345678901234567891"]),
        (pa.array(["", "a"]), ['""']),
        (pa.array(['say "hi"\n', "a"]), ['"say \\"hi\\"\\n"']),
        (pa.array([True, False]), ["true", '"true"']),
        (pa.array([date(2024, 1, 31), date(2024, 2, 1)]), ['"2024-01-31"']),
        (pa.array([datetime(2024, 1, 31, 12), None], pa.timestamp("us", tz="UTC")), ['"2024-01-31T12:00:00Z"']),
        (pa.array([Decimal("12.00"), Decimal("13.50")]), ["12", '"12"', "12.0"]),
        (pa.array([Decimal("13.50"), Decimal("12.00")]), ['"13.5"']),
        (pa.array(["a", "b"]).dictionary_encode(), ['"a"']),
    ],
)
def test_keys_of_each_type_are_found_by_each_spelling(online: OnlineStore, keys: pa.Array, asked: list[str]) -> None:
    publish(online, view("cid"), pa.table({"cid": keys, "x": [1, 2]}), NOW)
    for text in asked:
        assert found(online, f'{{"data":[{{"cid":{text}}}]}}') == [1], text


def test_text_with_leading_zeros_is_another_key_than_the_number(online: OnlineStore) -> None:
    publish(online, view("cid"), pa.table({"cid": ["042", "42"], "x": [1, 2]}), NOW)
    assert found(online, '{"data":[{"cid":"042"},{"cid":42},{"cid":"42"}]}') == [1, 2, 2]


def test_a_separator_in_a_part_of_a_key_mixes_no_entities_up(online: OnlineStore) -> None:
    pairs = pa.table({"a": ["a|b", "a", 'x","y'], "b": ["c", "b|c", "z"], "x": [1, 2, 3]})
    publish(online, view("a", "b"), pairs, NOW)
    assert found(online, '{"data":[{"a":"a|b","b":"c"},{"a":"a","b":"b|c"},{"b":"z","a":"x\\",\\"y"}]}', "a", "b") == [1, 2, 3]
    with pytest.raises(RequestError, match="no features here"):
        found(online, '{"data":[{"a":"x","b":"y\\",\\"z"}]}', "a", "b")


def test_a_row_with_one_missing_part_of_its_key_is_not_published(online: OnlineStore) -> None:
    pairs = pa.table({"a": ["a", None, "c"], "b": pa.array([1.0, 2.0, None]), "x": [1, 2, 3]})
    assert publish(online, view("a", "b"), pairs, NOW) == (1, 2)
    assert found(online, '{"data":[{"a":"a","b":1}]}', "a", "b") == [1]


@pytest.mark.parametrize("keys", [pa.array([42.0, 42.5]), pa.array([2.0**60]), pa.array([[1]])])
def test_keys_that_are_none_are_refused_and_nothing_is_published(online: OnlineStore, keys: pa.Array) -> None:
    with pytest.raises(ServingError, match="Cast cid to an integer or to text"):
        publish(online, view("cid"), pa.table({"cid": keys, "x": [1] * len(keys)}), NOW)
    assert lookup(online, "v", [[42]]) == [None]


@pytest.mark.parametrize("value", ["42.5", "[1]", "{}", "9007199254740994.0", "null"])
def test_a_key_that_is_none_is_named_by_row_and_field(online: OnlineStore, value: str) -> None:
    publish(online, view("cid"), pa.table({"cid": [42], "x": [1]}), NOW)
    with pytest.raises(RequestError) as refused:
        found(online, f'{{"data":[{{"cid":42}},{{"cid":{value}}}]}}')
    assert [(p.row, p.field) for p in refused.value.problems] == [(1, "cid")]
    assert refused.value.status == 422


@pytest.mark.parametrize(("earlier", "asked"), [("42.0", "42"), ("True", "true"), ("2024-01-31 12:00:00+00:00", '"2024-01-31T12:00:00Z"')])
def test_what_an_earlier_version_published_under_another_text_is_noticed(online: OnlineStore, earlier: str, asked: str) -> None:
    online.put("v", [(earlier, int(NOW.timestamp() * 1e6), '{"x": 1}'), ("7", int(NOW.timestamp() * 1e6), '{"x": 2}')])
    assert found(online, '{"data":[{"cid":7}]}') == [2], "keys whose text is the same are found as before"
    with pytest.raises(RequestError, match="under one that an earlier version gave to numbers"):
        found(online, f'{{"data":[{{"cid":{asked}}}]}}')
    with pytest.raises(RequestError) as unknown:
        found(online, '{"data":[{"cid":99}]}')
    assert "earlier" not in unknown.value.message


def test_a_key_meets_the_same_variant_however_it_is_written(project: Project) -> None:
    bundle = project.trained()
    reader = RowReader(bundle)
    (row,) = json_rows(bundle, 1)
    plain = [reader.mapping_key({**row, "person": key}) for key in (42, "42", 42.0)]
    typed = [reader.key_of(reader.decode(msgspec.json.encode({"data": [{**row, "person": key}]})).data[0]) for key in (42, "42")]
    assert {*plain, *typed} == {"42"}
    assert reader.matrix([{**row, "person": 42.0}]).shape == reader.matrix([{**row, "person": True}]).shape


def test_a_key_that_is_a_feature_too_routes_alike_typed_and_plain(project: Project) -> None:
    bundle = project.trained(features={"person": "float64", "age": "int64"})
    reader = RowReader(bundle)
    (typed,) = reader.decode(b'{"data":[{"person":42,"age":1}]}').data
    assert reader.key_of(typed) == reader.mapping_key({"person": 42, "age": 1}) == reader.mapping_key({"person": 42.0, "age": 1}) == "42"


def test_compacted_keys_have_the_text_that_they_were_looked_up_by() -> None:
    assert _key_column([1, 2.0, None]).to_pylist() == [1, 2, None]
    assert _key_column([1, "a", 2.0]).to_pylist() == ["1", "a", "2"]
    assert _key_column([True, None]).to_pylist() == ["true", None]
    assert _key_column([2**63]).to_pylist() == ["9223372036854775808"]
