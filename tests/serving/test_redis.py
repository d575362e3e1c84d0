"""The online table in a Redis of the tests' own; skipped where the driver or the server is not installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_assets.modeling.requests.errors import RequestError
from mlops_assets.serving.entities import EntityFeatures
from mlops_assets.serving.errors import ServingError
from mlops_assets.serving.online import OnlineStore, lookup, open_online, publish
from mlops_assets.spec.feature_view import FeatureView

pytest.importorskip("redis")
REDIS = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(REDIS is None, reason="redis-server is not on the PATH")

NOW = datetime(2026, 3, 1, tzinfo=UTC)
VIEW = FeatureView.model_validate({"name": "v", "entity": "person", "from": "t", "lookback": "30d", "sql": "select 1", "online": {}})
ROWS = pa.table({"person": [1, 2], "age": [30, 40]})


class Redis:
    """A Redis that can be started and ended."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert REDIS is not None
        command = [REDIS, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.05)
        raise AssertionError("redis-server does not answer")

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    redis = Redis(tmp_path)
    redis.start()
    yield redis
    redis.end()


@pytest.fixture
def online(redis: Redis) -> Iterator[OnlineStore]:
    store = open_online(redis.url)
    yield store
    store.close()


@needs_redis
def test_the_newest_as_of_row_is_found_whatever_the_order_of_publication(online: OnlineStore) -> None:
    assert publish(online, VIEW, ROWS, NOW).entities == 2
    assert publish(online, VIEW, pa.table({"person": [1, 3], "age": [29, 50]}), NOW - timedelta(days=1)).entities == 1
    found = lookup(online, "v", [[1], ["2"], [3], [4]])
    assert [row.features["age"] if row else None for row in found] == [30, 40, 50, None]
    assert online.prune("v", int(NOW.timestamp() * 1e6)) == 1
    assert lookup(online, "v", [[3]]) == [None]


@needs_redis
def test_a_redis_that_goes_away_is_a_503_until_it_is_back(redis: Redis, online: OnlineStore) -> None:
    features = EntityFeatures(["person"], [VIEW], online, clock=NOW.timestamp)
    publish(online, VIEW, ROWS, NOW)
    assert features.complete([{"person": 1}], ["age"])[0] == [{"person": 1, "age": 30}]
    redis.end()
    with pytest.raises(RequestError, match="does not answer") as refused:
        features.complete([{"person": 1}], ["age"])
    assert (refused.value.status, refused.value.code) == (503, "features_unavailable")
    with pytest.raises(ServingError, match="Redis does not answer"):
        publish(online, VIEW, ROWS, NOW)
    redis.start()
    assert publish(online, VIEW, ROWS, NOW).entities == 2
    assert features.complete([{"person": 2}], ["age"])[0] == [{"person": 2, "age": 40}]


def test_a_redis_that_does_not_answer_is_told() -> None:
    with pytest.raises(ServingError, match="does not answer"):
        open_online("redis://127.0.0.1:1/0")
