"""Stores on every kind of storage that is tested: a local folder, fsspec's memory, and S3 as moto serves it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_assets.data.store import Store, open_store


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def open_s3(endpoint: str, cache: Path) -> Store:
    import s3fs

    options = {"key": "test", "secret": "test", "endpoint_url": endpoint}
    bucket = f"store-{uuid.uuid4().hex[:12]}"
    s3fs.S3FileSystem(**options).mkdir(bucket)
    return open_store(f"s3://{bucket}/project", cache=cache, **options)


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return open_store(str(tmp_path / "store"))
    if request.param == "memory":
        return open_store(f"memory://{uuid.uuid4().hex}", cache=tmp_path / "cache")
    return open_s3(request.getfixturevalue("s3_endpoint"), tmp_path / "cache")


@pytest.fixture
def local_store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def orders() -> pa.Table:
    return pa.table({"order_id": [1, 2, 3], "customer_id": [7, 8, 7], "channel": ["web", "app", None], "amount": [9.5, None, 2.0]})
