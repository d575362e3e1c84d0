"""What is kept, what goes, and what an erasure leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_assets.data.erasure import erase, erased
from mlops_assets.data.store import ErasedError, Store, StoreError, collect, verify

NOW = timedelta(seconds=-1)
WHEN = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_only_versions_that_nothing_names_go(store: Store, orders: pa.Table, tmp_path: Path) -> None:
    old = store.write("orders", "2026-01-01", orders)
    learned = store.write("churn/training_set", "2026-01-01", orders, inputs={old.reference: old.digest})
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "provenance.json").write_text(f'{{"training_set": "{learned.digest}"}}')
    store.put_tree("bundles", tmp_path / "bundle")
    forgotten = store.write("orders", "2026-01-01", orders.slice(1))
    waived = store.write("orders", "2026-01-01", orders.slice(2))
    newest = store.write("orders", "2026-01-01", orders.slice(0, 1))
    store.write("churn/training_set", "2026-01-01", orders.slice(1), inputs={newest.reference: newest.digest})
    planned = collect(store, {waived.digest}, older_than=NOW, dry_run=True)
    assert planned.versions == (f"orders@2026-01-01 {forgotten.digest[:12]}",)
    assert store.read(forgotten).num_rows == 2
    assert collect(store, {waived.digest}, older_than=NOW) == planned
    with pytest.raises(StoreError):
        store.read(forgotten)
    assert [store.read(manifest).num_rows for manifest in (old, learned, waived, newest)] == [3, 3, 1, 1]
    assert verify(store) == []


def test_what_is_young_and_what_a_function_keeps_stays(store: Store, orders: pa.Table) -> None:
    first = store.write("orders", None, orders)
    store.write("orders", None, orders.slice(1))
    assert collect(store, older_than=timedelta(hours=1)).versions == ()
    assert collect(store, lambda manifest: manifest.rows == 3, older_than=NOW).versions == ()
    assert collect(store, older_than=NOW).versions == (f"orders {first.digest[:12]}",)


def test_what_killed_writes_left_is_collected(local_store: Store, orders: pa.Table) -> None:
    local_store.write("orders", None, orders)
    local_store.files.write("data/orders/unpartitioned/" + "a" * 64 + ".parquet", b"half")
    assert verify(local_store) == []
    assert collect(local_store, older_than=NOW).files == ("data/orders/unpartitioned/" + "a" * 64 + ".parquet",)


def test_an_erasure_rewrites_removes_and_leaves_a_tombstone_without_a_name(store: Store, orders: pa.Table) -> None:
    first = store.write("orders", "2026-01-01", orders)
    before = store.write("orders", "2026-01-01", orders.slice(0, 2), quarantined=orders.slice(2))
    other = store.write("orders", "2026-01-02", orders.slice(1, 1))
    learned = store.write("churn/training_set", None, orders.select(["amount"]), inputs={before.reference: before.digest})
    untouched = store.write("churn/model", None, orders.select(["amount"]), inputs={other.reference: other.digest})
    (done,) = erase(store, {"customer_id": "7"}, "request 2026-17", now=WHEN)
    assert (done.asset, done.partition, done.rows) == ("orders", "2026-01-01", 2)
    assert set(done.removed) == {first.digest, before.digest}
    current = store.current("orders", "2026-01-01")
    assert current is not None
    assert current.digest == done.current
    assert store.read(current)["customer_id"].to_pylist() == [8]
    assert store.current("orders", "2026-01-02") == other
    for manifest in (first, before):
        with pytest.raises(ErasedError, match=r"2026-05-01T12:00:00.*request 2026-17"):
            store.read(manifest)
        with pytest.raises(ErasedError):
            store.paths(manifest)
    (tombstone,) = erased(store, learned)
    assert (tombstone.reference, tombstone.replaced_by) == ("orders@2026-01-01", current.digest)
    assert erased(store, untouched) == []
    assert verify(store) == []


def test_an_erasure_can_be_repeated_and_a_source_that_brings_the_rows_back_is_refused(store: Store, orders: pa.Table) -> None:
    store.write("orders", None, orders)
    (done,) = erase(store, {"customer_id": 7}, "request 2026-17")
    assert erase(store, {"customer_id": 7}, "request 2026-17") == []
    with pytest.raises(ErasedError, match="at their source"):
        store.write("orders", None, orders)
    current = store.current("orders")
    assert current is not None
    assert current.digest == done.current
    assert not [file for file in store.files.find("data") if file.path.endswith(".parquet") and file.path != current.files[0].path]


def test_a_dry_run_erases_nothing(store: Store, orders: pa.Table) -> None:
    manifest = store.write("orders", None, orders)
    (planned,) = erase(store, {"customer_id": 7}, "request 2026-17", dry_run=True)
    assert (planned.rows, planned.removed) == (2, (manifest.digest,))
    assert store.read(manifest).num_rows == 3


@pytest.mark.parametrize(
    ("entity", "reason", "message"),
    [
        ({"customer": 7}, "asked", "no stored asset has the column"),
        ({"customer_id": 7}, " ", "needs a reason"),
        ({"channel": "web"}, "the WEB customer asked", "names the entity"),
        ({}, "asked", "which entity"),
    ],
)
def test_an_erasure_that_cannot_be_meant_is_refused(
    local_store: Store, orders: pa.Table, entity: dict[str, object], reason: str, message: str
) -> None:
    local_store.write("orders", None, orders)
    with pytest.raises(StoreError, match=message):
        erase(local_store, entity, reason)


def test_an_unknown_asset_is_named(local_store: Store, orders: pa.Table) -> None:
    local_store.write("orders", None, orders)
    with pytest.raises(StoreError, match="no asset 'order'"):
        erase(local_store, {"customer_id": 7}, "asked", assets=["order"])
