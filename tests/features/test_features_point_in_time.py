from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_assets.data.features.computing import affected_feature_keys, compute_features, inputs_of
from mlops_assets.data.features.visible import MissingPartitionsError
from mlops_assets.data.store import Store, open_store
from mlops_assets.spec import Dataset, FeatureView
from mlops_assets.spec.catalogue import Catalogue
from tests.streams import MOMENT, ORDER_SCHEMA, day, key, keys, order, orders, put, put_orders, rfm

CATALOGUE = Catalogue.of(orders(), rfm())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def features(store: Store, partitions: Sequence[str], view: FeatureView | None = None, catalogue: Catalogue = CATALOGUE) -> dict[str, Any]:
    computed = list(compute_features(view or rfm(), catalogue, partitions, store))
    return {result.key: store.read(result.manifest) for result in computed}


def row_of(table: pa.Table, customer: int) -> dict[str, Any] | None:
    return next((row for row in table.to_pylist() if row["customer_id"] == customer), None)


def test_features_see_the_lookback_up_to_the_end_of_their_partition(store: Store) -> None:
    rows = [order(1, 7, 0.5), order(2, 7, 1.0), order(3, 7, 3.999), order(4, 7, 4.0), order(5, 8, 0.9)]
    put_orders(store, rows, 5)
    table = features(store, [key(3)])[key(3)]
    assert row_of(table, 7) == {
        "customer_id": 7,
        "recency_days": 1,
        "frequency": 2,
        "monetary": 20.0,
        "fingerprint": (2 * 31 + 3) % 1000003,
    }
    assert row_of(table, 8) is None


def test_an_order_ten_days_late_changes_no_feature_before_it_was_known(store: Store) -> None:
    rows = [order(n, n % 3, n / 2) for n in range(30)]
    put_orders(store, rows, 14)
    before = {result.key: result for result in compute_features(rfm(lookback="14d"), CATALOGUE, keys(0, 14), store)}

    put_orders(store, [*rows, order(99, 1, 2.25, loaded=12.25)], 14)
    after = {result.key: result for result in compute_features(rfm(lookback="14d"), CATALOGUE, keys(0, 14), store)}

    changed = {partition for partition, result in after.items() if result.changed}
    assert changed == set(keys(12, 14))
    for partition in keys(0, 11):
        assert after[partition].manifest.digest == before[partition].manifest.digest
    assert row_of(store.read(after[key(12)].manifest), 1)["frequency"] == row_of(store.read(before[key(12)].manifest), 1)["frequency"] + 1


def test_a_correction_that_changes_no_feature_is_noted_beside_its_version(store: Store) -> None:
    rows = [order(1, 7, 0.5)]
    put_orders(store, rows, 3)
    (first,) = compute_features(rfm(), CATALOGUE, [key(2)], store)
    put_orders(store, [*rows, order(2, 7, 0.75, loaded=20)], 3)
    (second,) = compute_features(rfm(), CATALOGUE, [key(2)], store)
    corrected = store.current("orders", key(0))
    assert corrected is not None
    assert not second.changed
    assert second.manifest.digest == first.manifest.digest
    assert inputs_of(store, second.manifest)[f"orders@{key(0)}"] == corrected.digest
    assert second.manifest.inputs[f"orders@{key(0)}"] != corrected.digest


def test_the_manifest_names_every_version_that_was_read(store: Store) -> None:
    put_orders(store, [order(1, 7, 1.5)], 5)
    (result,) = compute_features(rfm(), CATALOGUE, [key(4)], store)
    expected = {f"orders@{partition}": store.current("orders", partition).digest for partition in keys(2, 4)}
    assert dict(result.manifest.inputs) == expected
    assert result.facts["features"][1:3] == [{"name": "frequency", "type": "int64"}, {"name": "monetary", "type": "float64"}]
    assert result.facts["as_of"] == day(5).isoformat()


def test_the_first_partitions_see_what_there_is(store: Store) -> None:
    put_orders(store, [order(1, 7, 0.5)], 0)
    assert features(store, [key(0)])[key(0)].num_rows == 1


def test_a_range_and_single_runs_give_the_same_versions(tmp_path: Path) -> None:
    rows = [order(n, n % 5, n / 10, loaded=n / 10 + (n % 7) / 2, amount=n / 3) for n in range(120)]
    whole, single = open_store(str(tmp_path / "a")), open_store(str(tmp_path / "b"))
    for store in (whole, single):
        put_orders(store, rows, 12)
    ranged = {r.key: r.manifest.digest for r in compute_features(rfm(), CATALOGUE, keys(0, 11), whole)}
    alone = {k: next(iter(compute_features(rfm(), CATALOGUE, [k], single))).manifest.digest for k in reversed(keys(0, 11))}
    assert ranged == alone


def test_partitions_that_are_not_there_are_named_before_anything_is_computed(store: Store) -> None:
    put_orders(store, [order(1, 7, 0.5)], 3)
    with pytest.raises(MissingPartitionsError, match=r"3 of 7 partitions of orders.*2026-01-05, 2026-01-06, 2026-01-07") as error:
        list(compute_features(rfm(), CATALOGUE, keys(2, 6), store))
    assert error.value.keys == tuple(keys(4, 6))
    assert store.partitions("rfm") == []


def test_partitions_without_rows_give_features_without_rows(store: Store) -> None:
    put_orders(store, [], 2)
    table = features(store, [key(2)])[key(2)]
    assert table.num_rows == 0
    assert table.schema.field("frequency").type == pa.int64()


def test_columns_known_after_the_fact_are_not_there(store: Store) -> None:
    dataset = orders(columns={"amount": {"type": "float64", "known": "after"}})
    put_orders(store, [order(1, 7, 0.5)], 0)
    with pytest.raises(Exception, match=r"orders\.amount is known only after the fact"):
        features(store, [key(0)], catalogue=Catalogue.of(dataset, rfm()))
    view = rfm(sql="select * from orders")
    table = features(store, [key(0)], view, Catalogue.of(dataset, view))[key(0)]
    assert "amount" not in table.column_names


PROFILES = pa.schema([("customer_id", pa.int64()), ("plan", pa.string())])
SNAPSHOT: dict[str, Any] = {
    "name": "customers",
    "source": {"csv": "customers.csv"},
    "kind": "snapshot",
    "partitions": {"every": "day", "start": date(2026, 1, 1)},
    "columns": {"customer_id": {"type": "int64"}, "plan": {"type": "category"}},
}


def test_a_snapshot_is_read_as_it_was(store: Store) -> None:
    dataset = Dataset.model_validate(SNAPSHOT)
    view = rfm(name="profile", **{"from": ["customers"]}, lookback="1d", sql="select customer_id, plan from customers")
    for number, plan in enumerate(["free", "plus", "gone"]):
        store.write("customers", key(number), pa.table({"customer_id": [7], "plan": [plan]}, PROFILES))
    found = features(store, keys(0, 2), view, Catalogue.of(dataset, view))
    assert [found[k].column("plan").to_pylist() for k in keys(0, 2)] == [["free"], ["plus"], ["gone"]]


def test_a_monthly_snapshot_under_daily_events_is_the_last_month_that_ended(store: Store) -> None:
    dataset = Dataset.model_validate({**SNAPSHOT, "partitions": {"every": "month", "start": date(2025, 12, 1)}})
    view = rfm(
        name="profile",
        **{"from": ["orders", "customers"]},
        sql="select distinct customer_id, plan from orders join customers using (customer_id)",
    )
    put_orders(store, [order(1, 7, 29.5)], 40)
    store.write("customers", "2025-12-01", pa.table({"customer_id": [7], "plan": ["december"]}, PROFILES))
    store.write("customers", "2026-01-01", pa.table({"customer_id": [7], "plan": ["january"]}, PROFILES))
    found = features(store, [key(29), key(30)], view, Catalogue.of(orders(), dataset, view))
    assert found[key(29)].column("plan").to_pylist() == ["december"]
    assert found[key(30)].column("plan").to_pylist() == ["january"]


def test_a_static_table_is_read_whole_and_marked_as_able_to_leak(store: Store) -> None:
    dataset = Dataset.model_validate({**SNAPSHOT, "kind": "static", "partitions": None})
    view = rfm(
        name="profile",
        **{"from": ["orders", "customers"]},
        sql="select distinct customer_id, plan from orders join customers using (customer_id)",
    )
    put_orders(store, [order(1, 7, 0.5)], 0)
    store.write("customers", None, pa.table({"customer_id": [7], "plan": ["plus"]}, PROFILES))
    (result,) = compute_features(view, Catalogue.of(orders(), dataset, view), [key(0)], store)
    assert result.facts["snapshot_sources"] == ["customers"]
    assert result.facts["features"] == [{"name": "plan", "type": "category"}]


def test_a_static_table_with_dates_hides_rows_that_came_later(store: Store) -> None:
    dataset = Dataset.model_validate({**SNAPSHOT, "kind": "static", "partitions": None, "event_time": "since"})
    view = rfm(
        name="profile", **{"from": ["orders", "customers"]}, sql="select customer_id, plan from customers where exists (from orders)"
    )
    put_orders(store, [order(1, 7, 0.5)], 2)
    table = pa.table({"customer_id": [7, 8], "plan": ["plus", "free"], "since": pa.array([day(-900), day(1.5)], MOMENT)})
    store.write("customers", None, table)
    found = features(store, keys(0, 1), view, Catalogue.of(orders(), dataset, view))
    assert found[key(0)].column("customer_id").to_pylist() == [7]
    assert found[key(1)].column("customer_id").to_pylist() == [7, 8]


def test_tables_without_any_time_give_an_unpartitioned_view(store: Store) -> None:
    dataset = Dataset.model_validate({**SNAPSHOT, "kind": "static", "partitions": None})
    view = rfm(name="profile", **{"from": ["customers"]}, sql="select customer_id, plan from customers")
    store.write("customers", None, pa.table({"customer_id": [8, 7], "plan": ["plus", "free"]}, PROFILES))
    (result,) = compute_features(view, Catalogue.of(dataset, view), [None], store)
    assert store.read(result.manifest).column("customer_id").to_pylist() == [7, 8]
    assert result.facts["as_of"] is None


def test_a_plain_date_is_known_only_when_its_day_is_over(store: Store) -> None:
    schema = pa.schema([("customer_id", pa.int64()), ("on", pa.date32())])
    dataset = Dataset.model_validate(
        {"name": "visits", "source": {"csv": "x"}, "partitions": {"every": "hour", "start": date(2026, 1, 1)}, "event_time": "on"}
    )
    view = rfm(name="seen", **{"from": ["visits"]}, lookback="48h", sql="select customer_id, count(*) as visits from visits group by 1")
    hours = dataset.calendar.between("2026-01-01-00:00", "2026-01-02-00:00")
    for hour in hours:
        rows = [{"customer_id": 7, "on": date(2026, 1, 1)}] if hour == hours[0] else []
        store.write("visits", hour, pa.Table.from_pylist(rows, schema))
    found = features(store, [hours[0], hours[12], hours[22], hours[23]], view, Catalogue.of(dataset, view))
    assert [table.num_rows for table in found.values()] == [0, 0, 0, 1]


def test_days_begin_at_midnight_of_the_calendars_zone(store: Store) -> None:
    dataset = orders(partitions={"every": "day", "start": date(2026, 3, 28), "timezone": "Europe/Berlin"})
    view = rfm(lookback="1d")
    calendar = dataset.calendar
    rows = [order(n, n, 0) for n in range(3)]
    for row, moment in zip(
        rows,
        (
            calendar.end_of("2026-03-29") - timedelta(hours=23, seconds=1),
            calendar.end_of("2026-03-29") - timedelta(hours=23),
            calendar.end_of("2026-03-29"),
        ),
        strict=True,
    ):
        row["ordered_at"] = row["loaded_at"] = moment
    put(store, dataset, rows, ["2026-03-28", "2026-03-29", "2026-03-30"], ORDER_SCHEMA)
    found = features(store, ["2026-03-29"], view, Catalogue.of(dataset, view))
    assert found["2026-03-29"].column("customer_id").to_pylist() == [1]


def test_a_corrected_partition_recomputes_what_reaches_back_to_it() -> None:
    assert affected_feature_keys(rfm(), CATALOGUE, key(5)) == keys(5, 7)
    assert affected_feature_keys(rfm(recompute="2d"), CATALOGUE, key(5)) == keys(5, 6)
    assert affected_feature_keys(rfm(recompute="90d"), CATALOGUE, key(5)) == keys(5, 7)


def test_a_corrected_snapshot_recomputes_until_the_next_one() -> None:
    monthly = Dataset.model_validate({**SNAPSHOT, "partitions": {"every": "month", "start": date(2025, 12, 1)}})
    view = rfm(**{"from": ["orders", "customers"]}, lookback="90d")
    affected = affected_feature_keys(view, Catalogue.of(orders(), monthly, view), "2025-12-01", "customers")
    assert affected == keys(0, 29)


ORDERS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 8 * 24 - 1), st.integers(0, 5 * 24), st.sampled_from([0.1, 0.3, 1e9, -7.7])), max_size=25
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=ORDERS, as_of_day=st.integers(0, 7), noise=ORDERS, drop=st.randoms(use_true_random=False))
def test_no_feature_depends_on_a_row_that_it_must_not_see(stream: Any, as_of_day: int, noise: Any, drop: Any) -> None:
    """Rows that are not visible at the as-of time are removed and others are added: the stored bytes stay the same."""
    as_of, start = day(as_of_day + 1), day(as_of_day - 2)

    def rows(source: Any, first: int) -> list[dict[str, Any]]:
        return [order(first + n, c, h / 24, (h + late) / 24, amount) for n, (c, h, late, amount) in enumerate(source)]

    def visible(row: dict[str, Any]) -> bool:
        return start <= row["ordered_at"] < as_of and row["loaded_at"] < as_of

    kept = rows(stream, 0)
    other = [row for row in kept if visible(row) or drop.random() < 0.5]
    for extra in (row for row in rows(noise, 1000) if not visible(row)):
        other.insert(drop.randint(0, len(other)), extra)
    found = []
    for case in (kept, other):
        store = open_store(f"memory://features-{id(case)}-{drop.random()}")
        put_orders(store, case, 8)
        (result,) = compute_features(rfm(), CATALOGUE, [key(as_of_day)], store)
        found.append(result.manifest)
        expected: dict[int, int] = {}
        for row in case:
            if visible(row):
                expected[row["customer_id"]] = expected.get(row["customer_id"], 0) + 1
        table = store.read(result.manifest)
        assert dict(zip(table.column("customer_id").to_pylist(), table.column("frequency").to_pylist(), strict=True)) == dict(
            sorted(expected.items())
        )
    assert found[0].files[0].sha256 == found[1].files[0].sha256
    assert found[0].facts["rows_digest"] == found[1].facts["rows_digest"]
