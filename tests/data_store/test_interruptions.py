"""Killed, concurrent and refused writes: what is current stays whole."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_assets.data.store import Store, StoreError, open_store, verify

WRITER = """
import sys, pyarrow as pa
from mlops_assets.data.store import open_store
store = open_store(sys.argv[1])
first = int(sys.argv[2])
open_store(sys.argv[1] + "-warm").write("numbers", None, pa.table({"n": [1]}))
print("ready", flush=True)
for number in range(first, first + int(sys.argv[3])):
    table = pa.table({"n": [number] * 20_000, "i": range(20_000)})
    store.write("numbers", "2026-01-01", table, facts={"n": number}, quarantined=table.slice(0, 5))
"""


def start_writer(root: Path, first: int, count: int) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(root), str(first), str(count)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def whole(store: Store) -> int:
    """The number that every row of the current version holds."""
    manifest = store.current("numbers", "2026-01-01")
    assert manifest is not None
    numbers = set(store.read(manifest)["n"].to_pylist())
    assert numbers == {manifest.facts["n"]}
    return int(manifest.facts["n"])


def test_ten_kills_at_random_moments_leave_a_sound_store_with_a_whole_current_version(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = open_store(str(root))
    table = pa.table({"n": [0] * 10, "i": range(10)})
    store.write("numbers", "2026-01-01", table, facts={"n": 0})
    moments = random.Random(11)
    seen = []
    for attempt in range(1, 11):
        process = start_writer(root, attempt * 1_000_000, 1_000_000)
        time.sleep(moments.uniform(0.0, 0.25))
        process.kill()
        process.wait()
        assert verify(store) == []
        seen.append(whole(store))
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    last = store.write("numbers", "2026-01-01", table, facts={"n": 0})
    assert store.current("numbers", "2026-01-01") == last
    assert verify(store) == []


def test_two_processes_that_write_one_partition_leave_one_whole_version_and_both_histories(tmp_path: Path) -> None:
    root = tmp_path / "store"
    writers = [start_writer(root, first, 25) for first in (100, 200)]
    assert [writer.wait() for writer in writers] == [0, 0]
    store = open_store(str(root))
    assert whole(store) in (124, 224)
    assert len(store.versions("numbers", "2026-01-01")) == 50
    assert verify(store) == []


def test_threads_that_write_one_partition_of_any_storage_leave_one_whole_version(store: Store) -> None:
    tables = [pa.table({"n": [number] * 100}) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: store.write("numbers", "2026-01-01", pair[1], facts={"n": pair[0]}), enumerate(tables)))
    assert whole(store) in range(8)
    assert len({version.digest for version in store.versions("numbers", "2026-01-01")}) == 8
    assert verify(store) == []


def test_a_writer_that_fails_midway_through_its_rows_changes_nothing(local_store: Store, orders: pa.Table) -> None:
    before = local_store.write("orders", "2026-01-01", orders)

    def batches() -> object:
        yield from orders.to_batches()
        raise RuntimeError("the source went away")

    with pytest.raises(RuntimeError, match="went away"):
        local_store.write("orders", "2026-01-01", pa.RecordBatchReader.from_batches(orders.schema, batches()))
    assert local_store.current("orders", "2026-01-01") == before
    assert not [file for file in local_store.files.find("") if ".tmp-" in file.path]


READ_ONLY = """
import os, sys, ssl, pyarrow as pa, pyarrow.parquet
from mlops_assets.data.store import open_store, StoreError
if os.geteuid() == 0:
    os.setgroups([]); os.setegid(65534); os.seteuid(65534)
store = open_store(sys.argv[1])
before = store.current("orders", "2026-01-01")
try:
    store.write("orders", "2026-01-01", pa.table({"a": [1]}))
except StoreError as error:
    print(error)
assert store.current("orders", "2026-01-01") == before
assert store.read(before).num_rows == 3
"""


def test_a_read_only_folder_is_a_clear_error_and_stays_readable(tmp_path: Path, orders: pa.Table) -> None:
    root = tmp_path / "store"
    open_store(str(root)).write("orders", "2026-01-01", orders)
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for parent in [*root.parents[:-2], *folders]:
        parent.chmod(0o555 if parent in folders else parent.stat().st_mode | 0o555)
    try:
        done = subprocess.run([sys.executable, "-c", READ_ONLY, str(root)], capture_output=True, text=True)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "cannot be written here" in done.stdout


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_a_clear_error_and_the_previous_version_stays_current(small_disk: Path, orders: pa.Table) -> None:
    store = open_store(str(small_disk / "store"))
    before = store.write("orders", "2026-01-01", orders)
    noise = random.Random(1)
    large = pa.table({"n": [noise.random() for _ in range(300_000)]})
    for rows in (large, pa.RecordBatchReader.from_batches(large.schema, large.to_batches())):
        with pytest.raises(StoreError, match="disk is full"):
            store.write("orders", "2026-01-01", rows)
    assert store.current("orders", "2026-01-01") == before
    assert store.read(before) == orders
    assert verify(store) == []
    store.write("orders", "2026-01-02", orders)
