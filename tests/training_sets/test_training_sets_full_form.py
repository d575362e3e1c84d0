from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_assets.data.features.computing import compute_features
from mlops_assets.data.features.query_rules import SandboxError
from mlops_assets.data.features.table import FeatureError
from mlops_assets.data.features.visible import MissingPartitionsError
from mlops_assets.data.store import Store, open_store
from mlops_assets.data.training_sets.labels import LabelError
from mlops_assets.data.training_sets.training_set import TrainingSet, TrainingSetError, build_training_set, load_training_set
from mlops_assets.spec import Dataset, Model
from mlops_assets.spec.catalogue import Catalogue
from tests.streams import CHURNED, MOMENT, churn, day, key, keys, order, orders, put_orders, rfm

LAST = 12
AT = key(LAST)
CUSTOMERS = Dataset.model_validate({"name": "customers", "source": {"csv": "x"}, "event_time": "since"})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Customers 1 to 6: each orders every second day at its own hour; 6 stops after day 6."""
    store = open_store(str(tmp_path / "store"))
    rows = [
        order(100 * c + d, c, d + c / 10, amount=float(c))
        for c in range(1, 7)
        for d in range(LAST + 1)
        if d % 2 == c % 2 and (c < 6 or d <= 6)
    ]
    put_orders(store, rows, LAST)
    since = pa.array([day(-30), day(-30), day(-30), day(-30), day(-30), day(-30), day(8.5)], MOMENT)
    store.write("customers", None, pa.table({"customer_id": list(range(1, 8)), "since": since}))
    list(compute_features(rfm(), Catalogue.of(orders(), rfm()), keys(0, LAST), store))
    return store


def build(store: Store, model: Model, at: str = AT, views: tuple[Any, ...] = (), **options: Any) -> TrainingSet:
    return build_training_set(model, Catalogue.of(orders(), CUSTOMERS, rfm(), model, *views), at, store, **options)


def rows(training_set: TrainingSet, as_of_day: int) -> dict[int, dict[str, Any]]:
    return {row["customer_id"]: row for row in training_set.table.to_pylist() if row["__as_of"] == day(as_of_day)}


def test_rows_hold_features_before_and_labels_after_their_as_of_time(store: Store) -> None:
    found = build(store, churn())
    assert found.facts["as_of"]["train"] == keys(4, 7)
    assert found.facts["as_of"]["holdout"] == keys(9, 10)
    at_day_8 = rows(found, 8)
    assert set(at_day_8) == {1, 2, 3, 4, 5, 6}
    assert at_day_8[1]["frequency"] == 2
    assert at_day_8[1]["recency_days"] == 1
    assert at_day_8[1]["__label_end"] == day(10)
    assert [at_day_8[c]["__target"] for c in range(1, 7)] == [False, False, False, False, False, True]
    assert {row["__split"] for row in at_day_8.values()} == {"train"}
    assert {row["__split"] for row in rows(found, 11).values()} == {"holdout"}
    assert rows(found, 9) == {}


def test_facts_and_manifest_tell_what_it_is_made_of(store: Store) -> None:
    found = build(store, churn())
    facts = found.facts
    assert facts["features"] == [
        {"name": "recency_days", "type": "int64"},
        {"name": "frequency", "type": "int64"},
        {"name": "monetary", "type": "float64"},
        {"name": "fingerprint", "type": "int64"},
    ]
    assert (facts["target"], facts["entity"], facts["horizon"], facts["sample"]) == ("churned", ["customer_id"], "2d", 1.0)
    assert facts["rows"] == {"train": 24, "holdout": 10, "embargoed": 6}
    assert facts["base_rate"]["train"] == pytest.approx(2 / 24)
    assert {f"rfm@{k}" for k in [*keys(4, 7), *keys(9, 10)]} <= set(found.manifest.inputs)
    assert {f"orders@{k}" for k in keys(5, LAST)} <= set(found.manifest.inputs)
    assert (facts["immature"], facts["overlap"]) == (0, 0)
    assert found.manifest.asset == "churn/training_set"
    assert [column for column in found.table.column_names if column.startswith("__")] == ["__as_of", "__label_end", "__split", "__target"]


def test_it_loads_as_it_was_built_and_building_it_twice_gives_one_version(store: Store) -> None:
    first, second = build(store, churn()), build(store, churn())
    loaded = load_training_set(first.manifest, store)
    assert first.manifest.digest == second.manifest.digest
    assert len(store.versions("churn/training_set", AT)) == 1
    assert loaded.table.equals(first.table)
    assert loaded.features == first.features
    assert loaded.split("train").num_rows + loaded.split("holdout").num_rows == loaded.table.num_rows


def test_rows_are_in_order_of_as_of_time_and_entity(store: Store) -> None:
    table = build(store, churn()).table
    order_of = list(zip(table.column("__as_of").to_pylist(), table.column("customer_id").to_pylist(), strict=True))
    assert order_of == sorted(order_of)


def test_a_population_is_who_was_known_at_the_as_of_time(store: Store) -> None:
    model = churn(population="select customer_id from customers where since < $as_of")
    found = build(store, model)
    assert 7 not in rows(found, 8)
    assert rows(found, 10)[7]["frequency"] is None
    assert rows(found, 10)[7]["__target"] is True
    assert found.facts["population"]["query"] is True
    assert found.facts["snapshot_sources"] == []


def test_a_population_over_events_sees_all_of_history(store: Store) -> None:
    found = build(store, churn(population="select distinct customer_id from orders"))
    assert set(rows(found, 11)) == {1, 2, 3, 4, 5, 6}
    assert rows(found, 11)[6]["frequency"] is None


def test_labels_outside_the_population_are_ignored_and_counted(store: Store) -> None:
    found = build(store, churn(population="select customer_id from customers where customer_id < 3"))
    assert set(found.table.column("customer_id").to_pylist()) == {1, 2}
    assert found.facts["dropped"]["label outside the population"] > 0


def test_null_labels_and_entities_without_label_are_left_out_and_counted(store: Store) -> None:
    sql = "select customer_id, case when customer_id = 2 then null else 1 end as y from orders where customer_id < 4 group by 1"
    found = build(store, churn(label={"horizon": "2d", "sql": sql}, task="regression"))
    assert set(found.table.column("customer_id").to_pylist()) == {1, 3}
    assert found.facts["dropped"] == {"no label": 16, "null label": 6}


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select customer_id, true as churned from orders, range(2)", "customer_id=1 has more than one"),
        ("select customer_id from orders group by 1", "0 columns beside customer_id"),
        ("select customer_id, 1 as a, 2 as b from orders group by 1", "2 columns beside customer_id: a, b"),
        ("select customer_id as c, true as churned from orders group by 1", "2 columns beside customer_id"),
        ("select customer_id, 1 as churned from orders group by 1", "default is True, but the query's target is int64"),
    ],
)
def test_label_queries_that_cannot_be_used_are_explained(store: Store, sql: str, message: str) -> None:
    with pytest.raises(LabelError, match=message) as error:
        build(store, churn(label={"horizon": "2d", "sql": sql, "default": True}))
    assert "churn.label" in str(error.value)


def test_label_and_population_may_not_look_at_the_clock_or_files(store: Store) -> None:
    with pytest.raises(SandboxError, match=r"churn\.label\.sql, line 1: now\(\)"):
        build(store, churn(label={"horizon": "2d", "sql": "select customer_id, max(now()) as y from orders group by 1"}))
    with pytest.raises(SandboxError, match=r"churn\.population, line 1: there is no table"):
        build(store, churn(population="select customer_id from 'people.csv'"))


def test_a_population_with_repeated_or_missing_keys_is_refused(store: Store) -> None:
    with pytest.raises(FeatureError, match=r"population row.* too many: customer_id=1"):
        build(store, churn(population="select customer_id from orders"))
    with pytest.raises(FeatureError, match="is missing in 1 of 1 rows"):
        build(store, churn(population="select null::bigint as customer_id"))


def test_too_short_a_history_says_what_is_there_and_when_it_is_enough(store: Store) -> None:
    with pytest.raises(TrainingSetError, match=r"churn@2026-01-07: 5 days of history .* at least 7 .*2026-01-09 or later"):
        build(store, churn(), at=key(6))
    assert build(store, churn(), at=key(8)).facts["as_of"]["train"] == keys(0, 3)


def test_missing_features_and_label_data_are_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(MissingPartitionsError, match=r"1 of 7 partitions of rfm .*2026-01-14"):
        build(store, churn(), at=key(LAST + 3))
    with pytest.raises(MissingPartitionsError, match=r"orders.*2026-01-14"):
        build(store, churn(), at=key(LAST + 1))


def test_features_of_another_definition_are_refused(store: Store) -> None:
    changed = rfm(lookback="4d")
    model = churn()
    with pytest.raises(TrainingSetError, match="computed by another definition"):
        build_training_set(model, Catalogue.of(orders(), changed, model), AT, store)


def test_views_whose_columns_collide_are_refused(store: Store) -> None:
    twin = rfm(name="twin")
    list(compute_features(twin, Catalogue.of(orders(), twin), keys(0, LAST), store))
    with pytest.raises(TrainingSetError, match="rfm and twin both have a feature 'recency_days'"):
        build(store, churn(features=["rfm.*", "twin.*"]), views=(twin,))
    found = build(store, churn(features=["rfm.frequency", "twin.monetary"]), views=(twin,))
    assert [feature.name for feature in found.features] == ["frequency", "monetary"]


def test_a_misspelt_feature_is_answered_with_the_nearest(store: Store) -> None:
    with pytest.raises(TrainingSetError, match="Did you mean 'frequency'"):
        build(store, churn(features=["rfm.frequencies"]))


def test_columns_for_slices_and_groups_are_carried(store: Store) -> None:
    gates = [
        {"metric": "roc_auc", "slice": "frequency", "at_least": 0.1},
        {"fairness": "demographic_parity_ratio", "attribute": "rfm.monetary", "at_least": 0.1},
    ]
    found = build(store, churn(features=["rfm.recency_days", "rfm.frequency"], gates=gates))
    assert found.carried == ("monetary",)
    assert [feature.name for feature in found.features] == ["recency_days", "frequency"]
    with pytest.raises(TrainingSetError, match="'region', which is not there"):
        build(store, churn(gates=[{"metric": "roc_auc", "slice": "region", "at_least": 0.1}]))


def test_groups_of_the_holdout_leave_the_training_rows(store: Store) -> None:
    found = build(store, churn({"group_by": "customer_id"}))
    train = set(found.split("train").column("customer_id").to_pylist())
    held = set(found.split("holdout").column("customer_id").to_pylist())
    assert (train, held) == ({6}, {1, 2, 3, 4, 5})
    assert found.facts["dropped"] == {"group in the holdout": 20}


def test_a_sample_keeps_the_same_entities_at_every_as_of_time(store: Store) -> None:
    found = build(store, churn(), sample=0.5)
    kept = set(found.table.column("customer_id").to_pylist())
    assert 0 < len(kept) < 6
    assert set(rows(found, 8)) == kept
    assert found.facts["sample"] == 0.5


def test_weights_halve_with_age(store: Store) -> None:
    found = build(store, churn({"weights": {"half_life": "2d"}}))
    assert [rows(found, d)[1]["__weight"] for d in (8, 6, 11)] == [1.0, 0.5, 1.0]
    column = build(store, churn({"weights": "monetary"}))
    assert rows(column, 8)[2]["__weight"] == rows(column, 8)[2]["monetary"]


def test_a_weekly_model_reads_daily_features_at_the_end_of_its_weeks(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "weekly"))
    put_orders(store, [order(100 * c + d, c, d + 0.5) for c in range(3) for d in range(46)], 45)
    list(compute_features(rfm(), Catalogue.of(orders(), rfm()), keys(0, 45), store))
    model = churn(
        {"window": "4w", "holdout": "1w"},
        partitions={"every": "week", "start": "2026-01-05"},
        label={"horizon": "1w", "sql": CHURNED, "default": True},
    )
    found = build(store, model, at="2026-02-02")
    assert found.facts["as_of"]["train"] == ["2026-01-05", "2026-01-12", "2026-01-19"]
    assert found.facts["as_of"]["holdout"] == ["2026-01-26"]
    assert "rfm@2026-01-11" in found.manifest.inputs


STREAM = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 24 * 11), st.integers(0, 24 * 4)), min_size=8, max_size=40)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=STREAM, noise=STREAM, at=st.integers(8, 10), chance=st.randoms(use_true_random=False))
def test_no_row_depends_on_what_it_must_not_see_and_no_label_window_crosses_the_split(
    stream: Any, noise: Any, at: int, chance: Any
) -> None:
    """For one as-of time, orders that neither its features nor its label may see are replaced; its rows stay the same."""
    model = churn(population="select customer_id from customers")
    catalogue = Catalogue.of(orders(), CUSTOMERS, rfm(), model)
    original = [order(n, c, h / 24, (h + late) / 24) for n, (c, h, late) in enumerate(stream)]
    extra = [order(1000 + n, c, h / 24, (h + late) / 24) for n, (c, h, late) in enumerate(noise)]
    chosen = chance.choice([k for k in range(at - 8, at - 1) if k >= 0])

    def seen(row: dict[str, Any]) -> bool:
        as_of = day(chosen + 1)
        before = day(chosen - 2) <= row["ordered_at"] < as_of and row["loaded_at"] < as_of
        return before or as_of <= row["ordered_at"] < day(chosen + 3)

    changed = [row for row in original if seen(row) or chance.random() < 0.5] + [row for row in extra if not seen(row)]
    parts = []
    for case in (original, changed):
        store = open_store(f"memory://sets-{chance.random()}-{id(case)}")
        put_orders(store, case, LAST)
        store.write("customers", None, pa.table({"customer_id": [1, 2, 3, 4], "since": pa.array([day(-9)] * 4, MOMENT)}))
        list(compute_features(rfm(), catalogue, keys(0, at), store))
        found = build_training_set(model, catalogue, key(at), store)
        train, held = found.split("train"), found.split("holdout")
        assert max(train.column("__label_end").to_pylist()) <= min(held.column("__as_of").to_pylist())
        assert max(found.table.column("__label_end").to_pylist()) <= day(at + 1)
        parts.append([row for row in found.table.to_pylist() if row["__as_of"] == day(chosen + 1)])
    assert parts[0] == parts[1]
