"""Data quality: what is wrong with a window's rows, and what is not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from mlops_assets.monitoring.columns import PREDICTION_ID, SCORE
from mlops_assets.monitoring.data_quality import DataQuality, measure_quality
from mlops_assets.monitoring.reference import Reference
from tests.monitoring.cases import reference_of

FEATURES = [("amount", "float64"), ("visits", "int64"), ("plan", "category")]


def rows(n: int, seed: int) -> pa.Table:
    random = np.random.default_rng(seed)
    return pa.table(
        {
            PREDICTION_ID: [f"p{seed}-{place}" for place in range(n)],
            "amount": random.lognormal(3, 1, n),
            "visits": random.poisson(4, n),
            "plan": random.choice([f"plan{k}" for k in range(12)], size=n),
            SCORE: random.uniform(size=n),
        }
    )


@pytest.fixture(scope="module")
def reference() -> Reference:
    return reference_of(rows(5_000, seed=0), FEATURES)


def replaced(table: pa.Table, name: str, values: object) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def failed(found: DataQuality) -> list[tuple[str, str | None]]:
    return [(finding.check, finding.column) for finding in found.failed]


@pytest.mark.parametrize("n", [30, 500, 20_000])
def test_sound_rows_pass(reference: Reference, n: int) -> None:
    windows = 60 if n < 20_000 else 5
    alarms = sum(measure_quality(reference, rows(n, seed=seed), usual_rows=[n, n, n]).status != "pass" for seed in range(1, 1 + windows))
    assert alarms <= stats.binom.ppf(0.999, windows, 0.005)


def test_more_missing_values_fail(reference: Reference) -> None:
    window = rows(500, seed=1)
    found = measure_quality(reference, replaced(window, "amount", [None] * 40 + window.column("amount").to_pylist()[40:]))
    assert failed(found) == [("missing", "amount")]
    assert found.failed[0].observed == pytest.approx(0.08)


def test_all_values_missing_fail_column_by_column(reference: Reference) -> None:
    window = rows(200, seed=1)
    for name, type in (("amount", pa.float64()), ("visits", pa.int64()), ("plan", pa.string())):
        window = replaced(window, name, pa.nulls(200, type))
    assert failed(measure_quality(reference, window)) == [("missing", name) for name, _ in FEATURES]


def test_values_outside_the_reference_fail(reference: Reference) -> None:
    window = rows(500, seed=1)
    found = measure_quality(reference, replaced(window, "visits", [400] * 20 + window.column("visits").to_pylist()[20:]))
    assert failed(found) == [("out_of_range", "visits")]
    one = replaced(window, "visits", [400, *window.column("visits").to_pylist()[1:]])
    assert failed(measure_quality(reference, one)) == []


def test_a_column_that_vanished_or_changed_its_type_fails(reference: Reference) -> None:
    window = rows(200, seed=1)
    assert failed(measure_quality(reference, window.drop_columns(["plan"]))) == [("vanished", "plan")]
    assert failed(measure_quality(reference, replaced(window, "amount", ["a lot"] * 200))) == [("type", "amount")]


def test_a_column_that_is_stuck_at_one_value_fails(reference: Reference) -> None:
    window = rows(200, seed=1)
    assert ("stuck", "plan") in failed(measure_quality(reference, replaced(window, "plan", ["plan1"] * 200)))
    assert ("stuck", "amount") in failed(measure_quality(reference, replaced(window, "amount", [20.0] * 200)))


def test_repeated_predictions_and_scores_that_are_none_fail(reference: Reference) -> None:
    window = rows(200, seed=1)
    assert failed(measure_quality(reference, pa.concat_tables([window, window]))) == [("repeated", None)]
    assert failed(measure_quality(reference, replaced(window, SCORE, [float("nan")] * 10 + [0.5] * 190))) == [("no_score", None)]
    assert failed(measure_quality(reference, window.drop_columns([SCORE]))) == [("no_score", None)]


@pytest.mark.parametrize(
    "n, usual, status", [(1_000, [990, 1_010, 1_000], "pass"), (100, [1_000] * 5, "fail"), (9_000, [1_000] * 5, "fail")]
)
def test_rows_are_held_against_the_usual_number(reference: Reference, n: int, usual: list[int], status: str) -> None:
    assert measure_quality(reference, rows(n, seed=2), usual_rows=usual).status == status


def test_an_empty_window_fails_where_rows_are_usual_and_is_inconclusive_else(reference: Reference) -> None:
    assert measure_quality(reference, rows(0, seed=1), usual_rows=[500] * 3).status == "fail"
    assert measure_quality(reference, rows(0, seed=1), usual_rows=[0] * 3).status == "inconclusive"
    assert measure_quality(reference, rows(0, seed=1)).status == "inconclusive"


def test_one_row_is_inconclusive(reference: Reference) -> None:
    assert measure_quality(reference, rows(1, seed=1)).status == "inconclusive"
