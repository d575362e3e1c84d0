"""The edges of a plan say exactly what the windows of its definitions read."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.plan import Plan, compile_plan
from mlops_assets.spec import Dataset, FeatureView, Model
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.windows import model_windows, view_window

DAILY = {"every": "day", "start": date(2024, 1, 1)}


def shop(lookback: int, horizon: int, window: int | str, holdout: int, every: int = 1, monthly: bool = False, **model: object) -> Catalogue:
    unit = " months" if monthly else "d"
    return Catalogue.of(
        Dataset(name="orders", source={"parquet": "o"}, partitions=DAILY, event_time="t"),
        Dataset(name="customers", source={"parquet": "c"}, kind="snapshot", partitions=DAILY),
        Dataset(name="countries", source={"parquet": "k"}),
        FeatureView(
            name="rfm",
            entity="id",
            **{"from": ["orders", "customers", "countries"]},
            lookback=f"{lookback}d",
            sql="select id, count(*) as n from orders group by id",
        ),
        Model(
            name="churn",
            task="binary_classification",
            entity="id",
            features=["rfm.*"],
            label={"horizon": f"{horizon}{unit}", "sql": "select id, true as y from orders"},
            training={
                "window": window if isinstance(window, str) else f"{window}{unit}",
                "holdout": f"{holdout}{unit}",
                "every": f"{every}{unit}",
            },
            **({"partitions": {"every": "month", "start": date(2024, 1, 1)}} if monthly else {}),
            **model,
        ),
    )


def edge(plan: Plan, asset: str, upstream: str) -> tuple[str, int | None, int]:
    (found,) = [e for e in plan.asset(asset).deps if e.upstream == upstream]
    return found.mapping, found.start_offset, found.end_offset


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(1, 60), st.integers(1, 30), st.integers(1, 200))
def test_a_window_reads_what_the_calendar_says(lookback: int, horizon: int, holdout: int, more: int) -> None:
    window = holdout + horizon + more
    catalogue = shop(lookback, horizon, window, holdout)
    plan, windows = compile_plan(catalogue), model_windows(catalogue.models["churn"], catalogue)
    calendar = windows.calendar
    assert calendar is not None
    d = calendar.shift(calendar.first_key, window + horizon + lookback)

    def keys(mapping: str, start: int | None, end: int) -> list[str]:
        assert mapping in ("same", "window")
        assert start is not None
        return calendar.between(calendar.shift(d, start), calendar.shift(d, end))

    assert keys(*edge(plan, "churn/training_set", "rfm")) == windows.feature_keys(d)
    assert keys(*edge(plan, "churn/training_set", "orders")) == windows.data_keys(d)
    assert edge(plan, "churn/training_set", "rfm") == ("window", -(horizon + window - 1), -horizon)
    assert keys(*edge(plan, "rfm", "orders")) == view_window(catalogue.views["rfm"], catalogue).data_keys(d)


def test_the_design_example_reads_d_209_to_d_30() -> None:
    plan = compile_plan(shop(90, 30, 180, 30, every=7))
    assert edge(plan, "churn/training_set", "rfm") == ("window", -209, -30)
    assert edge(plan, "rfm", "orders") == ("window", -89, 0)


def test_a_snapshot_is_read_as_it_was_and_a_static_table_as_it_is() -> None:
    plan = compile_plan(shop(90, 30, 180, 30))
    assert edge(plan, "rfm", "customers") == ("same", 0, 0)
    assert edge(plan, "rfm", "countries") == ("unpartitioned", 0, 0)


def test_an_expanding_window_begins_at_the_first_partition_and_ends_a_horizon_before_d() -> None:
    plan = compile_plan(shop(90, 30, "expanding", 30))
    assert edge(plan, "churn/training_set", "rfm") == ("expanding", None, -30)
    assert edge(plan, "churn/training_set", "orders") == ("expanding", None, 0)


def test_a_coarser_model_counts_in_its_own_unit() -> None:
    plan = compile_plan(shop(90, 1, 12, 2, monthly=True))
    assert plan.asset("churn/training_set").calendar.every == "month"
    assert edge(plan, "churn/training_set", "rfm") == ("window", -12, -1)


def test_a_population_over_events_reads_all_of_their_history() -> None:
    plan = compile_plan(shop(90, 30, 180, 30, population="select id from orders"))
    assert edge(plan, "churn/training_set", "orders") == ("expanding", None, 0)


def test_a_population_over_a_snapshot_reads_it_as_of_every_as_of_time() -> None:
    plan = compile_plan(shop(90, 30, 180, 30, population="select id from customers"))
    assert edge(plan, "churn/training_set", "customers") == ("window", -209, -30)


@pytest.mark.parametrize("every", ["week", "month"])
def test_a_snapshot_that_is_coarser_than_the_view_is_looked_for_far_enough_back(every: str) -> None:
    catalogue = Catalogue.of(
        Dataset(name="orders", source={"parquet": "o"}, partitions=DAILY, event_time="t"),
        Dataset(name="plans", source={"parquet": "p"}, kind="snapshot", partitions={"every": every, "start": date(2024, 1, 1)}),
        FeatureView(name="rfm", entity="id", **{"from": ["orders", "plans"]}, lookback="9d", sql="select id from orders, plans"),
    )
    mapping, start, end = edge(compile_plan(catalogue), "rfm", "plans")
    snapshots, days = catalogue.datasets["plans"].calendar, catalogue.datasets["orders"].calendar
    assert snapshots is not None
    assert days is not None
    assert (mapping, end) == ("window", 0)
    for d in days.between("2025-01-01", "2025-12-31"):
        newest = snapshots.newest_complete(days.end_of(d))
        assert newest is not None
        assert snapshots.end_of(newest) > days.start_of(days.shift(d, start))


def test_examples_are_read_until_their_target_is_known() -> None:
    catalogue = Catalogue.of(
        Dataset(name="contacts", source={"csv": "c"}, partitions={"every": "month", "start": date(2008, 5, 1)}, event_time="t"),
        Model(
            name="m",
            task="binary_classification",
            examples={"from": "contacts", "target": "y", "label_delay": "1 month"},
            training={"window": "12 months", "holdout": "2 months"},
        ),
    )
    assert edge(compile_plan(catalogue), "m/training_set", "contacts") == ("window", -12, -1)


def test_undated_data_gives_an_undated_model() -> None:
    catalogue = Catalogue.of(
        Dataset(name="census", source={"csv": "c"}),
        Model(name="income", task="binary_classification", examples={"from": "census", "target": "y"}),
    )
    plan = compile_plan(catalogue)
    assert all(asset.calendar is None for asset in plan.assets)
    assert {e.mapping for asset in plan.assets for e in asset.deps} == {"unpartitioned"}
    assert plan.schedules == ()


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Antarctica/Troll"])
def test_a_daily_snapshot_is_looked_for_far_enough_back_over_a_night_with_more_hours(zone: str) -> None:
    hourly, daily = ({"every": every, "start": date(2024, 10, 1), "timezone": zone} for every in ("hour", "day"))
    catalogue = Catalogue.of(
        Dataset(name="orders", source={"parquet": "o"}, partitions=hourly, event_time="t"),
        Dataset(name="plans", source={"parquet": "p"}, kind="snapshot", partitions=daily),
        FeatureView(name="rfm", entity="id", **{"from": ["orders", "plans"]}, lookback="9h", sql="select id from orders, plans"),
    )
    _, start, _ = edge(compile_plan(catalogue), "rfm", "plans")
    snapshots, hours = catalogue.datasets["plans"].calendar, catalogue.datasets["orders"].calendar
    assert snapshots is not None
    assert hours is not None
    for hour in hours.between("2024-10-20-00:00", "2024-11-05-00:00"):
        newest = snapshots.newest_complete(hours.end_of(hour))
        assert newest is not None
        assert snapshots.start_of(newest) >= hours.start_of(hours.shift(hour, start))
