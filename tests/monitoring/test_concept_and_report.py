"""Errors that rise in the stream, and the page that people read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.monitoring.columns import PREDICTED_AT
from mlops_assets.monitoring.concept import concept_drift, error_stream
from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.monitoring.report import write_report
from tests.monitoring.cases import UTC_TIME, day


def errors(n: int, seed: int, level: float = 0.2) -> np.ndarray:
    return (np.random.default_rng(seed).random(n) < level).astype(float)


def test_a_stream_whose_errors_stay_the_same_passes() -> None:
    found = [concept_drift(errors(4_000, seed)) for seed in range(20)]
    assert sum(c.status == "fail" for c in found) <= 1
    assert found[0].now == pytest.approx(0.2, abs=0.03)


def test_errors_that_rise_are_found_with_time_and_size() -> None:
    stream = np.r_[errors(2_000, 1, 0.2), errors(1_000, 2, 0.4)]
    times = [day(1) + timedelta(minutes=place) for place in range(3_000)]
    found = concept_drift(stream, times)
    assert found.status == "fail"
    change = next(c for c in found.changes if c.after > c.before)
    assert change.at is not None
    assert times[2_000] < change.at < times[2_600]
    assert found.before == pytest.approx(0.2, abs=0.05)
    assert found.now == pytest.approx(0.4, abs=0.06)


def test_errors_that_fall_or_come_back_pass() -> None:
    assert concept_drift(np.r_[errors(2_000, 1, 0.4), errors(2_000, 2, 0.1)]).status == "pass"
    assert concept_drift(np.r_[errors(2_000, 1, 0.1), errors(1_000, 2, 0.5), errors(3_000, 3, 0.1)]).status == "pass"


@pytest.mark.parametrize("stream", [np.empty(0), np.full(500, np.nan), errors(50, 1)])
def test_a_short_stream_is_inconclusive(stream: np.ndarray) -> None:
    assert concept_drift(stream).status == "inconclusive"


def test_a_large_loss_is_watched_like_a_small_one() -> None:
    random = np.random.default_rng(1)
    stream = np.r_[random.exponential(100, 2_000), random.exponential(300, 1_000)]
    assert concept_drift(stream).status == "fail"


def test_errors_come_in_the_order_of_their_predictions() -> None:
    table = pa.table({PREDICTED_AT: pa.array([day(3), day(1), day(2)], UTC_TIME)})
    found, times = error_stream(table, np.array([1.0, 0.0, 0.5]), np.array([0.0, 0.0, 0.0]), "binary_classification")
    assert found.tolist() == [0.0, 0.25, 1.0]
    assert times == [day(1), day(2), day(3)]


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
