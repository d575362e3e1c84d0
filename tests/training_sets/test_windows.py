from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.spec import Dataset, Model
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.covering import covering, dataset_keys
from mlops_assets.spec.periods import Windows
from mlops_assets.spec.reads import label_sources, tables_named
from mlops_assets.spec.windows import (
    WindowError,
    model_partitions,
    model_problems,
    model_windows,
    view_partitions,
    view_problems,
    view_window,
)
from tests.streams import churn, key, keys, orders, rfm


def windows(training: dict[str, Any] | None = None, **changes: Any) -> Windows:
    return model_windows(churn(training, **changes), Catalogue.of(orders(), rfm()))


def contacts(training: dict[str, Any], delay: str | None = "1 month") -> Windows:
    dataset = Dataset.model_validate(
        {"name": "contacts", "source": {"csv": "x"}, "partitions": {"every": "month", "start": date(2026, 1, 1)}, "event_time": "at"}
    )
    model = Model.model_validate(
        {
            "name": "subscription",
            "task": "binary_classification",
            "examples": {"from": "contacts", "target": "y", "label_delay": delay},
            "training": training,
        }
    )
    return model_windows(model, Catalogue.of(dataset))


def test_a_model_reads_features_up_to_the_horizon_and_labels_up_to_its_partition() -> None:
    found = windows()
    assert found.feature_keys(key(20)) == keys(12, 18)
    assert found.data_keys(key(20)) == keys(13, 20)
    assert found.holdout_keys(key(20)) == keys(17, 18)
    assert found.train_keys(key(20)) == keys(12, 15)
    assert found.embargo_keys(key(20)) == keys(16, 16)


def test_snapshots_are_counted_back_from_the_newest_matured_key() -> None:
    found = windows({"every": "3d", "window": "14d", "holdout": "4d"})
    assert found.feature_keys(key(20)) == [key(n) for n in (6, 9, 12, 15, 18)]
    assert found.holdout_keys(key(20)) == [key(15), key(18)]
    assert found.train_keys(key(20)) == [key(6), key(9), key(12)]


def test_windows_clip_at_the_start_of_the_calendar() -> None:
    found = windows()
    assert found.feature_keys(key(5)) == keys(0, 3)
    assert found.history(key(5)) == 4
    assert found.history(key(1)) == 0
    assert found.feature_keys(key(1)) == []
    assert found.minimum == 7


def test_an_expanding_window_starts_with_the_calendar_and_needs_twice_the_holdout() -> None:
    found = windows({"window": "expanding", "holdout": "5d"})
    assert found.feature_keys(key(40)) == keys(0, 38)
    assert found.minimum == 10


def test_a_share_of_holdout_counts_whole_periods() -> None:
    found = windows({"window": "10d", "holdout": "25%"})
    assert found.holdout_keys(key(20)) == keys(16, 18)


def test_examples_leave_a_label_delay_between_training_rows_and_holdout_rows() -> None:
    found = contacts({"window": "6 months", "holdout": "2 months"})
    assert found.feature_keys("2026-12-01") == [f"2026-{m:02d}-01" for m in range(6, 12)]
    assert found.holdout_keys("2026-12-01") == ["2026-10-01", "2026-11-01"]
    assert found.train_keys("2026-12-01") == ["2026-06-01", "2026-07-01", "2026-08-01"]
    assert found.data_keys("2026-12-01") == found.feature_keys("2026-12-01")


def test_examples_without_delay_have_no_embargo() -> None:
    found = contacts({"window": "6 months", "holdout": "2 months"}, delay=None)
    assert found.train_keys("2026-12-01")[-1] == "2026-10-01"
    assert found.holdout_keys("2026-12-01")[0] == "2026-11-01"


@given(
    window=st.integers(1, 60),
    holdout=st.integers(1, 20),
    horizon=st.integers(1, 20),
    every=st.integers(1, 9),
    at=st.integers(0, 200),
    examples=st.booleans(),
)
def test_no_label_window_of_training_reaches_into_the_holdout(
    window: int, holdout: int, horizon: int, every: int, at: int, examples: bool
) -> None:
    calendar = orders().calendar
    assert calendar is not None
    found = Windows(calendar, window, horizon, holdout, None, 1 if examples else every, 1, examples=examples)
    d = key(at)
    train, held, embargo = found.train_keys(d), found.holdout_keys(d), found.embargo_keys(d)
    assert sorted([*train, *held, *embargo]) == found.feature_keys(d)
    assert len({*train, *held, *embargo}) == len(train) + len(held) + len(embargo)
    for k in [*train, *held]:
        assert calendar.end_of(calendar.shift(k, horizon)) <= calendar.end_of(d)
    if train and held:
        first_seen = calendar.start_of(held[0]) if examples else calendar.end_of(held[0])
        assert all(calendar.end_of(calendar.shift(k, horizon)) <= first_seen for k in train)


@pytest.mark.parametrize(
    ("training", "label", "path"),
    [
        ({"window": "36h"}, "2d", ("training", "window")),
        ({"holdout": "1 month"}, "2d", ("training", "holdout")),
        ({"every": "12h"}, "2d", ("training", "every")),
        ({"minimum": "90m"}, "2d", ("training", "minimum")),
        ({}, "5h", ("label", "horizon")),
        ({"window": "5d", "holdout": "4d"}, "2d", ("training", "window")),
    ],
)
def test_durations_that_the_calendar_cannot_say_are_problems(training: dict[str, Any], label: str, path: tuple[str, ...]) -> None:
    model = churn(training, label={"horizon": label, "sql": "select customer_id, 1 as y from orders"})
    catalogue = Catalogue.of(orders(), rfm(), model)
    assert path in [problem.path for problem in model_problems(model, catalogue)]
    with pytest.raises(WindowError):
        model_windows(model, catalogue)


def test_a_lookback_must_be_whole_periods_too() -> None:
    assert [problem.path for problem in view_problems(rfm(lookback="90m"), Catalogue.of(orders()))] == [("lookback",)]
    assert view_window(rfm(), Catalogue.of(orders())).data_keys(key(1)) == keys(0, 1)


def test_the_calendar_of_a_view_is_that_of_its_events_and_starts_when_all_are_there() -> None:
    customers = Dataset.model_validate(
        {"name": "customers", "source": {"csv": "x"}, "kind": "snapshot", "partitions": {"every": "month", "start": date(2026, 2, 1)}}
    )
    found = view_partitions(rfm(**{"from": ["orders", "customers"]}), Catalogue.of(orders(), customers))
    assert found is not None
    assert (found.every, found.start) == ("day", date(2026, 2, 1))
    alone = view_partitions(rfm(**{"from": ["customers"]}), Catalogue.of(customers))
    assert alone is not None
    assert alone.every == "month"


def test_time_zones_never_mix_silently() -> None:
    berlin = orders(name="returns", partitions={"every": "day", "start": date(2026, 1, 1), "timezone": "Europe/Berlin"})
    (problem,) = view_problems(rfm(**{"from": ["orders", "returns"]}), Catalogue.of(orders(), berlin))
    assert "Europe/Berlin, UTC" in str(problem)


def test_a_model_may_be_coarser_than_its_features() -> None:
    model = churn(
        {"window": "4w", "holdout": "1w"}, partitions={"every": "week", "start": date(2026, 1, 5)}, label={"horizon": "1w", "sql": "x"}
    )
    catalogue = Catalogue.of(orders(), rfm(), model)
    found = model_windows(model, catalogue)
    assert found.feature_keys("2026-03-02") == ["2026-02-02", "2026-02-09", "2026-02-16", "2026-02-23"]
    partitions = model_partitions(model, catalogue)
    assert partitions is not None
    assert partitions.every == "week"


def test_a_horizon_needs_a_calendar() -> None:
    static = Dataset.model_validate({"name": "orders", "source": {"csv": "x"}})
    model = churn()
    assert [problem.path for problem in model_problems(model, Catalogue.of(static, rfm(), model))] == [("partitions",)]


def test_partitions_that_a_reader_needs() -> None:
    calendar = orders().calendar
    assert calendar is not None
    start, end = calendar.start_of(key(2)), calendar.end_of(key(4))
    assert dataset_keys(orders(), start, end) == keys(2, 4)
    assert dataset_keys(orders(), None, end) == keys(0, 4)
    ended = orders(partitions={"every": "day", "start": date(2026, 1, 1), "end": date(2026, 1, 4)})
    assert dataset_keys(ended, start, end) == keys(2, 2)
    assert covering(ended.partitions, calendar.start_of(key(9)), calendar.end_of(key(9))) == []
    assert dataset_keys(Dataset.model_validate({"name": "x", "source": {"csv": "x"}}), start, end) == [None]
    snapshot = Dataset.model_validate(
        {"name": "x", "source": {"csv": "x"}, "kind": "snapshot", "partitions": {"every": "day", "start": date(2026, 1, 1)}}
    )
    assert dataset_keys(snapshot, start, end) == [key(4)]
    assert dataset_keys(snapshot, None, calendar.start_of(key(0))) == []


def test_tables_are_found_in_sql_but_not_in_text_or_comments() -> None:
    sql = "select 'returns' as a -- customers\nfrom Orders /* items */"
    assert tables_named(sql, ["orders", "customers", "items", "returns"]) == ("orders",)
    assert label_sources(churn(), Catalogue.of(orders(), rfm())) == ("orders",)
