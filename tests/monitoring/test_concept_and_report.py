"""Errors that rise in the stream, and the page that people read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.monitoring.columns import PREDICTED_AT, SCORE, TARGET
from mlops_assets.monitoring.concept import (
    NUMBERS,
    ConceptDrift,
    ErrorPart,
    concept_drift,
    error_part,
    error_stream,
    shorten,
    watch_errors,
)
from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.monitoring.report import write_report
from mlops_assets.spec.monitor import ConceptRule
from tests.monitoring.cases import FEATURES, UTC_TIME, day, reference_of, wide

RULE = ConceptRule()


def errors(n: int, seed: int, level: float = 0.2) -> np.ndarray:
    return (np.random.default_rng(seed).random(n) < level).astype(float)


def watch(*streams: np.ndarray, at: list[str] | None = None) -> ConceptDrift:
    return concept_drift(np.concatenate(streams), at, delta=RULE.false_alarm_rate, min_effect=RULE.min_effect)


def test_a_stream_whose_errors_stay_the_same_passes() -> None:
    found = [watch(errors(4_000, seed)) for seed in range(200)]
    assert sum(c.status == "fail" for c in found) <= 2
    assert found[0].now == pytest.approx(0.2, abs=0.03)


def test_errors_that_rise_are_found_with_place_and_size() -> None:
    found = watch(errors(2_000, 1, 0.2), errors(1_000, 2, 0.4), at=[f"{place:04}" for place in range(3_000)])
    assert found.status == "fail"
    change = next(c for c in found.changes if c.after > c.before)
    assert change.at is not None
    assert "2000" < change.at < "2600"
    assert found.before == pytest.approx(0.2, abs=0.05)
    assert found.now == pytest.approx(0.4, abs=0.06)
    assert found.rise == pytest.approx(1, abs=0.4)


def test_errors_that_fall_or_come_back_pass() -> None:
    assert watch(errors(2_000, 1, 0.4), errors(2_000, 2, 0.1)).status == "pass"
    assert watch(errors(2_000, 1, 0.1), errors(1_000, 2, 0.5), errors(3_000, 3, 0.1)).status == "pass"


def test_a_rise_below_the_declared_effect_is_seen_and_passes() -> None:
    random = np.random.default_rng(1)
    stream = np.r_[random.normal(1, 0.02, 3_000), random.normal(1.05, 0.02, 3_000)]
    small, large = (concept_drift(stream, delta=0.002, min_effect=least) for least in (0.1, 0.01))
    assert small.changes
    assert (small.status, large.status) == ("pass", "fail")


@pytest.mark.parametrize("stream", [np.empty(0), np.full(500, np.nan), errors(50, 1)])
def test_a_short_stream_is_inconclusive(stream: np.ndarray) -> None:
    assert watch(stream).status == "inconclusive"


def test_a_large_loss_is_watched_like_a_small_one() -> None:
    random = np.random.default_rng(1)
    assert watch(random.exponential(100, 2_000), random.exponential(300, 1_000)).status == "fail"


def test_errors_come_in_the_order_of_their_predictions() -> None:
    table = pa.table({PREDICTED_AT: pa.array([day(3), day(1), day(2)], UTC_TIME)})
    found = error_stream(table, np.array([1.0, 0.0, 0.5]), np.array([0.0, 0.0, 0.0]), "binary_classification")
    assert found.tolist() == [0.0, 0.25, 1.0]


def test_a_partition_of_any_size_gives_few_numbers_with_the_same_mean() -> None:
    for n in (1, 199, 200, 201, 12_345):
        part = shorten(errors(n, n))
        assert (part.rows, len(part.means)) == (n, min(n, NUMBERS))
        assert ErrorPart.from_json(part.to_json()) == part
    even = shorten(errors(20_000, 3))
    assert np.mean(even.means) == pytest.approx(errors(20_000, 3).mean())
    assert shorten(np.array([np.nan])) == ErrorPart(0, ())


@pytest.mark.parametrize("rows", [60, 5_000])
def test_a_rise_is_found_over_partitions_and_named_by_its_partition(rows: int) -> None:
    weeks = [f"2026-W{week:02}" for week in range(1, 31)]
    steady = {week: shorten(errors(rows, place)) for place, week in enumerate(weeks)}
    risen = {week: shorten(errors(rows, place, 0.2 if place < 20 else 0.4)) for place, week in enumerate(weeks)}
    assert watch_errors(steady, RULE).status == "pass"
    found = watch_errors(risen, RULE)
    assert found.status == "fail"
    assert found.rows == 30 * rows
    assert any(weeks[20] <= str(change.at) <= weeks[24] for change in found.changes)


def test_the_part_of_outcomes_leaves_out_what_has_no_label() -> None:
    reference = reference_of(wide(100, 1), FEATURES)
    times = pa.array([day(1), day(2), day(3)], UTC_TIME)
    outcomes = pa.table({PREDICTED_AT: times, SCORE: [0.5, 0.1, 0.9], TARGET: pa.array([True, None, True])})
    assert error_part(reference, outcomes) == ErrorPart(2, (0.25, 0.01))
    assert error_part(reference, outcomes.slice(0, 0)) == ErrorPart(0, ())


def table(n: int, seed: int) -> pa.Table:
    random = np.random.default_rng(seed)
    return pa.table(
        {
            "amount": random.normal(size=n),
            "plan": random.choice(["free", "pro"], size=n),
            "active": random.random(n) < 0.5,
            "seen": pa.array([day(1)] * n, UTC_TIME),
            "gone": pa.nulls(n, pa.float64()),
        }
    )


COLUMNS = [("amount", "float64"), ("plan", "category"), ("active", "bool"), ("seen", "datetime"), ("gone", "float64"), ("absent", "int64")]


def test_the_report_is_a_page_about_a_bounded_sample(tmp_path: Path) -> None:
    page = tmp_path / "reports" / "drift.html"
    left_out = write_report(table(20_000, 1), table(9_000, 2), COLUMNS, page, sample=500)
    assert left_out == ["seen", "gone", "absent"]
    text = page.read_text(encoding="utf-8")
    assert "amount" in text
    assert "plan" in text


def test_a_report_about_nothing_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(MonitoringError, match="nothing to show"):
        write_report(table(100, 1), table(0, 2), COLUMNS, tmp_path / "drift.html")
