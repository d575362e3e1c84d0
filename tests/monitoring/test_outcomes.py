"""Outcomes: late, double, corrected and conflicting labels, odd clocks, and the same result whatever the order or the size."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.monitoring.columns import AS_OF, KNOWN_AT, PREDICTED_AT, PREDICTION_ID, TARGET
from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.monitoring.outcomes import Coverage, Outcomes, join_outcome_files, join_outcomes
from tests.monitoring.cases import UTC_TIME, day, labels, predictions

WEEK = timedelta(days=7)


def joined(made: pa.Table, known: pa.Table, now: datetime, horizon: timedelta | None = WEEK, **more: Any) -> Outcomes:
    return join_outcomes(made, known, now=now, horizon=horizon, **more)


def targets(outcomes: Outcomes) -> dict[str, Any]:
    return dict(zip(outcomes.table.column(PREDICTION_ID).to_pylist(), outcomes.table.column(TARGET).to_pylist(), strict=True))


def test_predictions_wait_until_their_horizon_has_passed() -> None:
    made = predictions(["a", "b"], [day(1), day(5)])
    known = labels([("a", True, day(3)), ("b", False, day(6))])
    early = joined(made, known, day(7))
    assert (early.table.num_rows, early.coverage.waiting, early.coverage.share) == (0, 2, None)
    assert targets(joined(made, known, day(8))) == {"a": True}
    assert targets(joined(made, known, day(12))) == {"a": True, "b": False}


def test_labels_that_never_come_are_missing_coverage() -> None:
    found = joined(predictions(["a", "b"], [day(1), day(1)]), labels([("a", True, day(3))]), day(20))
    assert targets(found) == {"a": True, "b": None}
    assert found.coverage.share == 0.5


def test_a_late_label_counts_when_it_comes_and_is_counted_as_late() -> None:
    made, known = predictions(["a"], [day(1)]), labels([("a", True, day(12))])
    assert targets(joined(made, known, day(10))) == {"a": None}
    late = joined(made, known, day(13))
    assert targets(late) == {"a": True}
    assert late.coverage.late == 1


def test_the_same_label_twice_is_one_label() -> None:
    found = joined(predictions(["a"], [day(1)]), labels([("a", True, day(3)), ("a", True, day(4))]), day(20))
    assert targets(found) == {"a": True}
    assert (found.coverage.repeated_labels, found.coverage.corrected, found.coverage.conflicting) == (1, 0, 0)


def test_of_labels_that_differ_the_newest_counts_as_a_correction() -> None:
    made, known = predictions(["a"], [day(1)]), labels([("a", True, day(3)), ("a", False, day(9))])
    assert targets(joined(made, known, day(8))) == {"a": True}
    found = joined(made, known, day(20))
    assert targets(found) == {"a": False}
    assert (found.coverage.corrected, found.coverage.labelled) == (1, 1)


def test_of_labels_that_differ_at_the_same_time_none_counts() -> None:
    found = joined(predictions(["a"], [day(1)]), labels([("a", True, day(3)), ("a", False, day(3))]), day(20))
    assert targets(found) == {"a": None}
    assert (found.coverage.conflicting, found.coverage.labelled, found.coverage.share) == (1, 0, 0.0)


def test_a_label_from_before_its_prediction_is_no_outcome_of_it() -> None:
    found = joined(predictions(["a"], [day(5)]), labels([("a", True, day(4))]), day(20))
    assert targets(found) == {"a": None}
    assert found.coverage.before_prediction == 1


def test_a_prediction_of_the_future_is_left_out_and_counted() -> None:
    found = joined(predictions(["a", "b"], [day(1), day(31)]), labels([]), day(20))
    assert targets(found) == {"a": None}
    assert (found.coverage.in_future, found.coverage.predictions) == (1, 1)


def test_a_journal_that_was_read_twice_gives_each_prediction_once() -> None:
    made = predictions(["a", "b"], [day(1), day(2)])
    found = joined(pa.concat_tables([made, made]), labels([("a", True, day(3))]), day(20))
    assert targets(found) == {"a": True, "b": None}
    assert (found.coverage.predictions, found.coverage.repeated_predictions) == (2, 2)


def test_labels_without_a_prediction_are_counted() -> None:
    assert joined(predictions(["a"], [day(1)]), labels([("zz", True, day(3))]), day(20)).coverage.unmatched_labels == 1


def test_labels_join_by_entity_and_as_of_time() -> None:
    made = predictions(["a", "b"], [day(2), day(9)], customer_id=[7, 7], **{AS_OF: pa.array([day(1), day(8)], UTC_TIME)})
    known = pa.table(
        {
            "customer_id": [7, 7],
            AS_OF: pa.array([day(1), day(8)], UTC_TIME),
            TARGET: [True, False],
            KNOWN_AT: pa.array([day(8), day(15)], UTC_TIME),
        }
    )
    on = ("customer_id", AS_OF)
    assert targets(joined(made, known, day(8), on=on)) == {"a": True}
    assert targets(joined(made, known, day(15), on=on)) == {"a": True, "b": False}


def test_without_a_horizon_a_label_is_final_when_it_comes() -> None:
    made, known = predictions(["a", "b"], [day(1), day(1)]), labels([("a", True, day(1, 1))])
    found = joined(made, known, day(2), None)
    assert targets(found) == {"a": True, "b": None}
    assert (found.coverage.share, found.coverage.late) == (0.5, 0)


def test_nothing_at_all_is_no_coverage_and_no_error() -> None:
    found = joined(predictions([], []), labels([]), day(20))
    assert found.table.num_rows == 0
    assert found.coverage == Coverage()
    assert found.coverage.share is None


def test_a_column_that_is_absent_is_named() -> None:
    with pytest.raises(MonitoringError, match=r"labels have no column '__known_at'"):
        joined(predictions(["a"], [day(1)]), labels([]).drop_columns([KNOWN_AT]), day(20))
    with pytest.raises(MonitoringError, match="no time zone"):
        joined(predictions(["a"], [day(1)]), labels([]), datetime(2026, 1, 5))


IDS = st.sampled_from([f"p{n}" for n in range(8)])
DAYS = st.integers(1, 28).map(day)


@given(st.lists(st.tuples(IDS, DAYS), max_size=20), st.lists(st.tuples(IDS, st.booleans(), DAYS), max_size=20), DAYS, st.randoms())
@settings(max_examples=25, deadline=None)
def test_order_does_not_matter_and_the_counts_add_up(made: list[Any], known: list[Any], now: datetime, random: Any) -> None:
    def run(made: list[Any], known: list[Any]) -> Outcomes:
        return joined(predictions([m[0] for m in made], [m[1] for m in made]), labels(known), now)

    first = run(made, known)
    coverage = first.coverage
    again = run(random.sample(made, len(made)), random.sample(known, len(known)))
    assert first.table.equals(again.table)
    assert coverage == again.coverage
    assert coverage.matured == first.table.num_rows
    assert coverage.labelled == first.table.num_rows - first.table.column(TARGET).null_count
    assert coverage.predictions == coverage.matured + coverage.waiting == len({i for i, at in made if at <= now})
    assert coverage.predictions + coverage.repeated_predictions + coverage.in_future == len(made)


def test_files_give_the_same_as_tables_and_partitions_add_up(tmp_path: Path) -> None:
    made = predictions([f"p{n}" for n in range(1_000)], [day(1 + n % 20, n % 24) for n in range(1_000)], amount=list(range(1_000)))
    known = labels([(f"p{n}", n % 3 == 0, day(8 + n % 20)) for n in range(0, 1_000, 2)])
    whole = joined(made, known, day(26))
    total, tables = Coverage(), []
    for part in range(4):
        files = [tmp_path / f"{name}{part}.parquet" for name in ("made", "known", "out")]
        pq.write_table(made.slice(part * 250, 250), files[0])
        inside = [index for index, i in enumerate(known.column(PREDICTION_ID).to_pylist()) if part * 250 <= int(i[1:]) < part * 250 + 250]
        pq.write_table(known.take(inside), files[1])
        total += join_outcome_files([files[0]], [files[1]], files[2], now=day(26), horizon=WEEK, memory_limit="200MB")
        tables.append(pq.read_table(files[2]))
    assert total == whole.coverage
    together = pa.concat_tables(tables).sort_by([(PREDICTED_AT, "ascending"), (PREDICTION_ID, "ascending")])
    assert together.to_pylist() == whole.table.to_pylist()
    narrow = tmp_path / "narrow.parquet"
    join_outcome_files([files[0]], [files[1]], narrow, now=day(26), horizon=WEEK, columns=["__score"])
    assert set(pq.read_schema(narrow).names) == {PREDICTION_ID, PREDICTED_AT, "__score", TARGET, KNOWN_AT}
