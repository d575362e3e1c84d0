"""Writing and reading versions, on every kind of storage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.data.store import Store, StoreError, open_store, verify
from mlops_assets.data.store.parquet import ROW_GROUP


def test_what_was_written_is_read_back(store: Store, orders: pa.Table) -> None:
    manifest = store.write("orders", "2026-01-01", orders, inputs={"raw": "0" * 64}, facts={"late": 2}, source="s")
    assert store.current("orders", "2026-01-01") == manifest
    assert store.read(manifest) == orders
    assert store.read(manifest, ["amount"]).column_names == ["amount"]
    assert (manifest.rows, manifest.facts, manifest.inputs) == (3, {"late": 2}, {"raw": "0" * 64})
    assert verify(store) == []


def test_equal_content_is_no_new_version_however_it_is_chunked_encoded_or_fetched(store: Store, orders: pa.Table) -> None:
    first = store.write("orders", "2026-01-01", orders, source="one")
    encoded = orders.set_column(2, "channel", orders["channel"].dictionary_encode())
    chunked = pa.concat_tables([encoded.slice(0, 1), encoded.slice(1)]).replace_schema_metadata({"pandas": "{}"})
    assert store.write("orders", "2026-01-01", chunked, source="two") == first
    assert len(store.versions("orders", "2026-01-01")) == 1


def test_other_content_inputs_or_facts_are_a_new_version_and_the_old_one_stays_readable(store: Store, orders: pa.Table) -> None:
    first = store.write("orders", "2026-01-01", orders)
    second = store.write("orders", "2026-01-01", orders.slice(1))
    third = store.write("orders", "2026-01-01", orders.slice(1), inputs={"raw": "1" * 64})
    fourth = store.write("orders", "2026-01-01", orders.slice(1), inputs={"raw": "1" * 64}, facts={"n": 1})
    digests = [manifest.digest for manifest in (first, second, third, fourth)]
    assert [version.digest for version in store.versions("orders", "2026-01-01")] == digests
    assert store.current("orders", "2026-01-01") == fourth
    assert store.read(store.manifest("orders", "2026-01-01", first.digest)) == orders
    assert store.resolve("orders@2026-01-01", second.digest) == second


def test_an_older_version_can_be_made_current_again(store: Store, orders: pa.Table) -> None:
    first = store.write("orders", None, orders)
    store.write("orders", None, orders.slice(1))
    store.make_current(first)
    assert store.current("orders") == first


def test_assets_and_partitions_are_listed_by_their_current_versions(store: Store, orders: pa.Table) -> None:
    for key in ("2026-01-02-13:00", "2026-01-02-01:00"):
        store.write("hourly", key, orders)
    store.write("churn/training_set", None, orders)
    store.write("churn/training_set", "2026-01-01", orders)
    assert store.assets() == ["churn/training_set", "hourly"]
    assert store.partitions("hourly") == ["2026-01-02-01:00", "2026-01-02-13:00"]
    assert store.partitions("churn/training_set") == ["2026-01-01"]
    assert set(store.window("hourly", ["2026-01-02-13:00", "2026-01-03-00:00"])) == {"2026-01-02-13:00"}
    assert store.current("nothing", "2026-01-01") is None


def test_paths_are_local_files_that_any_parquet_reader_opens(store: Store, orders: pa.Table) -> None:
    manifest = store.write("orders", "2026-01-01", orders)
    assert [pq.read_table(path).num_rows for path in store.paths(manifest)] == [3]


def test_a_table_without_rows_keeps_its_columns(store: Store, orders: pa.Table) -> None:
    manifest = store.write("orders", "2026-01-01", orders.slice(0, 0))
    assert manifest.rows == 0
    assert store.read(manifest).schema == orders.schema


def test_quarantined_rows_are_stored_beside(store: Store, orders: pa.Table) -> None:
    manifest = store.write("orders", "2026-01-01", orders.slice(1), quarantined=orders.slice(0, 1))
    assert store.read_quarantined(manifest) == orders.slice(0, 1)
    assert store.read_quarantined(store.write("orders", "2026-01-02", orders)) is None


def test_an_altered_byte_is_found_by_read_paths_and_verify_and_a_rewrite_repairs_it(store: Store, orders: pa.Table) -> None:
    manifest = store.write("orders", "2026-01-01", orders)
    path = manifest.files[0].path
    content = bytearray(store.files.read(path))
    content[len(content) // 2] ^= 1
    store.files.write(path, bytes(content))
    for reading in (store.read, store.paths):
        with pytest.raises(StoreError, match="altered") as error:
            reading(manifest)
        assert manifest.files[0].sha256 in str(error.value)
    assert [(problem.kind, problem.path) for problem in verify(store)] == [("altered", path)]
    store.write("orders", "2026-01-01", orders)
    assert verify(store) == []


def test_a_missing_file_and_an_altered_manifest_are_named(store: Store, orders: pa.Table) -> None:
    manifest = store.write("orders", "2026-01-01", orders)
    store.files.delete(manifest.files[0].path)
    with pytest.raises(StoreError, match="missing"):
        store.read(manifest)
    assert [problem.kind for problem in verify(store)] == ["missing"]
    path = next(file.path for file in store.files.find("data") if "_manifests" in file.path)
    store.files.write(path, bytes(store.files.read(path)).replace(b'"rows":3', b'"rows":4'))
    with pytest.raises(StoreError, match="manifest was altered"):
        store.current("orders", "2026-01-01")
    assert "altered" in [problem.kind for problem in verify(store)]


def test_trees_come_back_byte_for_byte_and_an_altered_one_is_refused(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    (folder / "deep").mkdir(parents=True)
    (folder / "model.txt").write_text("tree")
    (folder / "deep" / "encoder.json").write_text("{}")
    digest = store.put_tree("bundles", folder)
    assert store.put_tree("bundles", folder) == digest
    assert store.trees("bundles") == [digest]
    copy = store.get_tree("bundles", digest, tmp_path / "copy")
    assert {file.relative_to(copy).as_posix(): file.read_text() for file in copy.rglob("*") if file.is_file()} == {
        "model.txt": "tree",
        "deep/encoder.json": "{}",
    }
    assert store.get_tree("bundles", digest, copy) == copy
    (copy / "model.txt").write_text("other")
    with pytest.raises(StoreError, match="does not hold"):
        store.get_tree("bundles", digest, copy)
    store.files.write(f"trees/bundles/{digest}/files/model.txt", b"trea")
    with pytest.raises(StoreError, match=r"model\.txt.*altered"):
        store.get_tree("bundles", digest, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert [problem.kind for problem in verify(store)] == ["altered"]


def test_records_and_pointers(store: Store) -> None:
    digest = store.put_record("verdicts", {"b": 1, "a": "ä"})
    assert store.put_record("verdicts", {"a": "ä", "b": 1}) == digest
    assert store.get_record("verdicts", digest) == {"a": "ä", "b": 1}
    assert store.records("verdicts") == [digest]
    with pytest.raises(StoreError, match="no verdicts"):
        store.get_record("verdicts", "0" * 64)
    assert store.get_pointer("churn/evaluation@2026-01-01-13:00") is None
    store.set_pointer("churn/evaluation@2026-01-01-13:00", {"verdict": digest})
    store.set_pointer("churn/evaluation@2026-01-01-13:00", {"verdict": None})
    assert store.get_pointer("churn/evaluation@2026-01-01-13:00") == {"verdict": None}
    assert store.create_pointer("schema/orders", {"a": 1})
    assert not store.create_pointer("schema/orders", {"a": 2})
    assert store.get_pointer("schema/orders") == {"a": 1}
    store.files.write(f"records/verdicts/{digest}.json", b"{}")
    with pytest.raises(StoreError, match="altered"):
        store.get_record("verdicts", digest)


@pytest.mark.parametrize("asset", ["", "/etc", "../up", "a//b", "a/../b", "a/unpartitioned"])
def test_names_that_would_leave_their_place_are_refused(local_store: Store, orders: pa.Table, asset: str) -> None:
    with pytest.raises(StoreError, match="no asset name"):
        local_store.write(asset, None, orders)


def test_a_key_cannot_leave_its_place(local_store: Store, orders: pa.Table) -> None:
    local_store.write("orders", "../../up", orders)
    assert local_store.partitions("orders") == ["../../up"]
    assert all(".." not in file.path.split("/") for file in local_store.files.find(""))


@pytest.mark.parametrize("facts", [{"x": float("nan")}, {"x": object()}])
def test_facts_that_json_cannot_say_are_refused(local_store: Store, orders: pa.Table, facts: dict[str, object]) -> None:
    with pytest.raises(StoreError, match="JSON"):
        local_store.write("orders", None, orders, facts=facts)


def test_an_unknown_protocol_is_a_clear_error() -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store("nosuch://place")


def test_a_reader_of_batches_gives_the_same_bytes_as_the_table(local_store: Store) -> None:
    table = pa.table({"n": range(2 * ROW_GROUP + 5), "text": [str(n % 7) for n in range(2 * ROW_GROUP + 5)]})
    whole = local_store.write("numbers", "a", table)
    batches = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=10_007))
    streamed = local_store.write("numbers", "b", batches)
    assert streamed.files[0].sha256 == whole.files[0].sha256
    assert pq.ParquetFile(local_store.paths(whole)[0]).num_row_groups == 3


def test_bytes_and_digest_are_the_same_in_another_process(local_store: Store, tmp_path: Path) -> None:
    script = (
        "import sys, pyarrow as pa; from mlops_assets.data.store import open_store;"
        "t = pa.table({'a': list(range(1000)), 'b': [str(i % 5) for i in range(1000)]});"
        "print(open_store(sys.argv[1]).write('t', 'k', t).digest)"
    )
    digests = {
        subprocess.run([sys.executable, "-c", script, str(tmp_path / name)], check=True, capture_output=True, text=True).stdout
        for name in ("one", "two")
    }
    assert len(digests) == 1


def test_hive_readers_see_the_key_as_a_column(local_store: Store, orders: pa.Table, tmp_path: Path) -> None:
    import duckdb

    local_store.write("orders", "2026-01-01-13:00", orders)
    found = duckdb.sql(f"select distinct partition from read_parquet('{tmp_path}/store/data/orders/*/*.parquet', hive_partitioning=true)")
    assert found.fetchall() == [("2026-01-01-13:00",)]
