"""The simulated shop: every day on its own, the same however it is asked for, with behaviour that can be learned."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.errors import MlopsError
from mlops_assets.examples.shop import season, table

SHIFT = datetime(2026, 1, 1, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def read(name: str, start: datetime, end: datetime, **options: Any) -> pa.Table:
    return table(name, start, end, **{"customers": 300, **options}).combine_chunks()


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from(["orders", "customers"]),
    first=st.integers(-400, 700),
    cuts=st.lists(st.integers(0, 20 * 24 * 60), max_size=5),
    seed=st.integers(0, 3),
)
def test_any_split_of_a_range_gives_the_same_bytes(name: str, first: int, cuts: list[int], seed: int) -> None:
    start = utc(2025, 1, 1) + timedelta(days=first)
    bounds = [start, *(start + timedelta(minutes=cut) for cut in sorted(cuts)), start + timedelta(days=20)]
    whole = read(name, bounds[0], bounds[-1], seed=seed)
    parts = [read(name, low, high, seed=seed) for low, high in itertools.pairwise(bounds)]
    assert pa.concat_tables(parts).combine_chunks().equals(whole)


def test_a_window_in_another_zone_is_the_same_time() -> None:
    berlin = timedelta(hours=1)
    from datetime import timezone

    zone = timezone(berlin)
    there = read("orders", datetime(2025, 2, 1, tzinfo=zone), datetime(2025, 2, 3, tzinfo=zone))
    assert there.equals(read("orders", utc(2025, 1, 31, 23), utc(2025, 2, 2, 23)))


def test_tables_have_the_documented_columns_even_when_nothing_happened() -> None:
    orders = read("orders", utc(2025, 3, 1), utc(2025, 3, 1))
    customers = read("customers", utc(2025, 3, 1), utc(2025, 3, 1))
    moment, category = pa.timestamp("us", tz="UTC"), pa.dictionary(pa.int32(), pa.string())
    assert orders.num_rows == customers.num_rows == 0
    assert dict(zip(orders.schema.names, orders.schema.types, strict=True)) == {
        "order_id": pa.int64(),
        "customer_id": pa.int64(),
        "ordered_at": moment,
        "loaded_at": moment,
        "amount": pa.float64(),
        "channel": category,
    }
    assert customers.schema.names == ["day", "customer_id", "signed_up_at", "plan", "region", "age_band", "gender"]
    assert customers.schema.field("day").type == pa.date32()
    assert read("orders", utc(2025, 3, 1), utc(2025, 3, 8)).schema == orders.schema
    assert read("customers", utc(2025, 3, 1), utc(2025, 3, 8)).schema == customers.schema
    assert read("orders", utc(2001, 1, 1), utc(2001, 1, 3)).num_rows == 0


def test_orders_are_unique_in_order_of_time_and_belong_to_customers_who_had_signed_up() -> None:
    start, end = utc(2025, 5, 1), utc(2025, 7, 1)
    orders = read("orders", start, end).to_pandas()
    roster = read("customers", end - timedelta(days=1), end).to_pandas().set_index("customer_id")
    assert orders["order_id"].is_unique
    assert orders["ordered_at"].is_monotonic_increasing
    assert orders["ordered_at"].between(start, end, inclusive="left").all()
    assert (orders["ordered_at"].to_numpy() >= roster.loc[orders["customer_id"], "signed_up_at"].to_numpy()).all()
    assert orders["amount"].between(1, 5000).all()
    newcomers = roster[roster["signed_up_at"] >= start]
    first = orders.groupby("customer_id")["ordered_at"].min()
    assert len(newcomers) > 10
    assert (first.loc[newcomers.index] == newcomers["signed_up_at"]).all()


def test_every_order_arrives_after_it_happened_and_a_few_arrive_days_late() -> None:
    orders = read("orders", utc(2025, 1, 1), utc(2026, 1, 1), customers=1000).to_pandas()
    delay = orders["loaded_at"] - orders["ordered_at"]
    assert (delay > timedelta(0)).all()
    assert 0.005 < (delay > timedelta(days=1)).mean() < 0.03
    assert delay.max() > timedelta(days=10)


def test_half_of_the_customers_are_there_when_the_first_year_begins_and_all_when_it_ends() -> None:
    for size in (10, 300, 1001):
        assert read("customers", utc(2024, 12, 31), utc(2025, 1, 1), customers=size).num_rows == size // 2
        assert read("customers", utc(2025, 12, 31), utc(2026, 1, 1), customers=size).num_rows == size


def test_a_snapshot_is_the_roster_as_it_was_with_the_plan_of_that_day() -> None:
    early = read("customers", utc(2025, 2, 1), utc(2025, 2, 2)).to_pandas().set_index("customer_id")
    late = read("customers", utc(2025, 11, 1), utc(2025, 11, 2)).to_pandas().set_index("customer_id")
    assert (early["signed_up_at"] < utc(2025, 2, 2)).all()
    assert len(late) > len(early)
    both = late.loc[early.index]
    for column in ("signed_up_at", "region", "age_band", "gender"):
        assert (both[column] == early[column]).all()
    rank = {"free": 0, "plus": 1, "premium": 2}
    before, after = early["plan"].map(rank).astype(int), both["plan"].map(rank).astype(int)
    assert (after >= before).all()
    assert (after > before).any()


def test_two_seeds_are_two_shops() -> None:
    window = utc(2025, 4, 1), utc(2025, 4, 5)
    assert not read("orders", *window, seed=1).equals(read("orders", *window, seed=2))


def test_campaigns_sell_more_for_less() -> None:
    days = [utc(2025, 6, 1) + timedelta(days=n) for n in range(60)]
    orders = [read("orders", day, day + timedelta(days=1), customers=4000) for day in days]
    running = np.array([season.campaign(day.date()) is not None for day in days])
    sold = np.array([part.num_rows for part in orders])
    price = np.array([pc.mean(part["amount"]).as_py() for part in orders])
    assert running.sum() == 10
    assert sold[running].mean() > 1.15 * sold[~running].mean()
    assert price[running].mean() < 0.97 * price[~running].mean()


def test_black_week_ends_on_the_monday_after_the_fourth_friday_of_november() -> None:
    from datetime import date

    inside = [date(2025, 11, day) for day in range(1, 31) if season.campaign(date(2025, 11, day))]
    assert date(2025, 11, 28) in inside
    assert inside[0] == date(2025, 11, 24)


def test_nothing_differs_before_the_competitor_enters_and_much_does_after() -> None:
    before, after = (SHIFT - timedelta(days=60), SHIFT), (SHIFT, SHIFT + timedelta(days=60))
    assert read("orders", *before).equals(read("orders", *before, shift_at=None))
    with_it, without = read("orders", *after, customers=1000), read("orders", *after, customers=1000, shift_at=None)
    assert with_it.num_rows < 0.85 * without.num_rows
    assert read("customers", *after).equals(read("customers", *after, shift_at=None))


def test_a_model_from_before_the_shift_loses_ranking_that_one_trained_again_has() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    from sklearn.metrics import roc_auc_score

    features, outcome = churn_examples(1500, [utc(2025, 7, 1), utc(2025, 8, 1), utc(2025, 9, 1)])
    old = fit(lightgbm, features, outcome)
    features, outcome = churn_examples(1500, [utc(2025, 11, 1)])
    before = roc_auc_score(outcome, old.predict(features))
    features, outcome = churn_examples(1500, [utc(2026, 4, 1), utc(2026, 5, 1), utc(2026, 6, 1), utc(2026, 7, 1)])
    new = fit(lightgbm, features, outcome)
    features, outcome = churn_examples(1500, [utc(2026, 9, 1), utc(2026, 10, 1)])
    after, again = (roc_auc_score(outcome, model.predict(features)) for model in (old, new))
    assert 0.76 < before < 0.90
    assert after < before - 0.04
    assert again > after + 0.02


def churn_examples(customers: int, as_of_times: list[datetime]) -> tuple[Any, Any]:
    """Features of the 90 days before each time, and whether no order followed within 30 days."""
    import duckdb
    import pandas as pd

    lookback, horizon = timedelta(days=90), timedelta(days=30)
    orders = table("orders", min(as_of_times) - lookback, max(as_of_times) + horizon, customers=customers)
    parts = []
    for as_of in as_of_times:
        roster = table("customers", as_of - timedelta(days=1), as_of, customers=customers)
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            connection.register("orders", orders)
            connection.register("roster", roster)
            query = """
                select date_diff('day', max(o.ordered_at), $as_of) as recency, count(*) as frequency, sum(amount) as monetary,
                       count(*) filter (where o.ordered_at >= $as_of - interval 30 day) as recent,
                       date_diff('day', any_value(signed_up_at), $as_of) as tenure,
                       any_value(list_position(['18-29', '30-44', '45-59', '60+'], age_band::varchar)) as age,
                       any_value(list_position(['free', 'plus', 'premium'], plan::varchar)) as plan,
                       any_value(customer_id not in (select customer_id from orders where ordered_at >= $as_of
                                 and ordered_at < $as_of + interval 30 day)) as churned
                from orders o join roster using (customer_id)
                where loaded_at < $as_of and ordered_at >= $as_of - interval 90 day group by customer_id order by customer_id"""
            parts.append(connection.execute(query, {"as_of": as_of}).df())
    frame = pd.concat(parts)
    return frame.drop(columns="churned").astype(float), frame["churned"].astype(int)


def fit(lightgbm: Any, features: Any, outcome: Any) -> Any:
    settings = {"objective": "binary", "num_leaves": 15, "learning_rate": 0.05, "min_data_in_leaf": 40, "num_threads": 1, "verbose": -1}
    return lightgbm.train({**settings, "deterministic": True, "seed": 7}, lightgbm.Dataset(features, outcome), 100)


def test_a_large_shop_is_made_in_seconds_not_minutes() -> None:
    import time

    began = time.monotonic()
    orders = table("orders", utc(2025, 1, 1), utc(2025, 2, 1), customers=360_000)
    assert orders.num_rows > 300_000
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: table("order", utc(2025, 1, 1), utc(2025, 1, 2)), "orders, customers"),
        (lambda: table("orders", datetime(2025, 1, 1), utc(2025, 1, 2)), "no time zone"),
        (lambda: table("orders", utc(2025, 1, 1), utc(2025, 1, 2), shift_at="soon"), "2026-01-01"),
        (lambda: table("orders", utc(2025, 1, 1), utc(2025, 1, 2), customers=1), "10"),
    ],
)
def test_bad_input_is_named(call: Any, said: str) -> None:
    with pytest.raises(MlopsError, match=said):
        call()
