"""The online table in Redis, over a socket; skipped where neither the driver nor a stand-in server is installed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from mlops_assets.serving.errors import ServingError
from mlops_assets.serving.online import OnlineStore, lookup, open_online, publish
from mlops_assets.spec.feature_view import FeatureView

fakeredis = pytest.importorskip("fakeredis")
pytest.importorskip("redis")
pytest.importorskip("lupa")

NOW = datetime(2026, 3, 1, tzinfo=UTC)
VIEW = FeatureView.model_validate({"name": "v", "entity": "person", "from": "t", "lookback": "30d", "sql": "select 1", "online": {}})


@pytest.fixture(scope="module")
def online() -> Iterator[OnlineStore]:
    server = fakeredis.TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    store = open_online(f"redis://127.0.0.1:{server.server_address[1]}/0")
    yield store
    store.close()
    server.shutdown()
    server.server_close()


def test_the_newest_as_of_row_is_found_whatever_the_order_of_publication(online: OnlineStore) -> None:
    assert publish(online, VIEW, pa.table({"person": [1, 2], "age": [30, 40]}), NOW) == 2
    assert publish(online, VIEW, pa.table({"person": [1, 3], "age": [29, 50]}), NOW - timedelta(days=1)) == 1
    found = lookup(online, "v", [[1], ["2"], [3], [4]])
    assert [row.features["age"] if row else None for row in found] == [30, 40, 50, None]
    assert online.prune("v", int(NOW.timestamp() * 1e6)) == 1
    assert lookup(online, "v", [[3]]) == [None]


def test_a_redis_that_does_not_answer_is_told() -> None:
    with pytest.raises(ServingError, match="does not answer"):
        open_online("redis://127.0.0.1:1/0")
