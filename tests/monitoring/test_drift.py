"""Drift: false alarms at the declared rate for any window, real changes found, odd windows shown for what they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from mlops_assets.monitoring.columns import SCORE
from mlops_assets.monitoring.drift import Drift, measure_drift
from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.monitoring.reference import Reference
from mlops_assets.monitoring.sketch import sketch_column
from mlops_assets.spec.monitor import DriftRule
from tests.monitoring.cases import FEATURES, reference_of, wide

NO_FLOOR = DriftRule(false_alarm_rate=0.1, min_effect=0)
MIXED = [("amount", "float64"), ("visits", "int64"), ("plan", "category"), ("channel", "category"), ("active", "bool"), ("email", "string")]


@pytest.fixture(scope="module")
def reference() -> Reference:
    stored = reference_of(wide(20_000, seed=0), FEATURES)
    return Reference.from_json(json.loads(json.dumps(stored.to_json())))


def mixed(n: int, seed: int, **changes: Any) -> pa.Table:
    random = np.random.default_rng(seed)
    body = {
        "amount": random.lognormal(3, 1, n),
        "visits": random.poisson(2, n),
        "plan": random.choice(["free", "basic", "pro"], p=[0.7, 0.25, 0.05], size=n),
        "channel": random.choice([f"c{place}" for place in range(30)], p=(share := 1 / np.arange(1, 31)) / share.sum(), size=n),
        "active": random.random(n) < 0.9,
        "email": np.where(random.random(n) < 0.2, None, "user" + random.integers(0, 10**9, n).astype(str).astype(object)),
        SCORE: random.beta(2, 5, n),
    }
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in {**body, **changes}.items()})


@pytest.fixture(scope="module")
def mixed_reference() -> Reference:
    return reference_of(mixed(10_000, seed=0), MIXED)


@pytest.mark.parametrize("n, windows", [(50, 100), (1_000, 100), (10_000, 60), (100_000, 20)])
def test_false_alarms_stay_at_the_declared_rate(reference: Reference, n: int, windows: int) -> None:
    ten = Reference(**{**reference.__dict__, "columns": reference.columns[:10]})
    found = [measure_drift(ten, wide(n, seed=1_000 + seed, columns=10), NO_FLOOR) for seed in range(windows)]
    columns, score = (sum(flags) for flags in ([bool(d.drifted) for d in found], [d.score_status == "fail" for d in found]))
    least, most = stats.binom.ppf([0.0005, 0.9995], windows, 0.1)
    assert least <= columns <= most
    assert least <= score <= most


def test_a_rule_with_another_rate_would_not_pass_for_the_declared_one(reference: Reference) -> None:
    loose, alarms = DriftRule(false_alarm_rate=0.35, min_effect=0), 0
    for seed in range(100):
        alarms += bool(measure_drift(reference, wide(1_000, seed=1_000 + seed), loose).drifted)
    assert alarms > stats.binom.ppf(0.9995, 100, 0.1)


@pytest.mark.parametrize("n, windows", [(50, 60), (1_000, 60)])
def test_false_alarms_over_categories_and_counts_stay_below_the_declared_rate(mixed_reference: Reference, n: int, windows: int) -> None:
    alarms = sum(bool(measure_drift(mixed_reference, mixed(n, seed=500 + seed), NO_FLOOR).drifted) for seed in range(windows))
    assert alarms <= stats.binom.ppf(0.9995, windows, 0.1)


def test_half_a_standard_deviation_in_one_of_thirty_columns_is_found_at_1000_rows(reference: Reference) -> None:
    for seed in range(10):
        found = measure_drift(reference, wide(1_000, seed=seed + 50, shift={"x7": 0.5}), DriftRule())
        assert found.status == "fail"
        assert found.drifted == ["x7"]
        assert found.drift_score == pytest.approx(1 / 30)


def test_a_change_below_the_floor_never_alarms_however_many_rows_show_it(reference: Reference) -> None:
    moved = wide(100_000, seed=9, shift={"x3": 0.04})
    assert measure_drift(reference, moved, DriftRule()).status == "pass"
    assert measure_drift(reference, moved, DriftRule(min_effect=0)).drifted == ["x3"]


def test_a_new_category_is_named(mixed_reference: Reference) -> None:
    window = mixed(1_000, seed=1)
    plan = np.array(window.column("plan").to_pylist(), object)
    plan[:30] = "enterprise"
    found = by_name(measure_drift(mixed_reference, window.set_column(2, "plan", pa.array(plan)), DriftRule()))
    assert found["plan"].status == "fail"
    assert found["plan"].unseen == (("enterprise", 30),)
    assert "enterprise" in found["plan"].detail


def test_a_vanished_category_is_named_with_the_rows_that_it_should_have(mixed_reference: Reference) -> None:
    window = mixed(1_000, seed=1)
    plan = ["free" if value == "basic" else value for value in window.column("plan").to_pylist()]
    found = by_name(measure_drift(mixed_reference, window.set_column(2, "plan", pa.array(plan)), DriftRule()))
    assert found["plan"].status == "fail"
    assert [value for value, _ in found["plan"].vanished] == ["basic"]
    assert found["plan"].vanished[0][1] == pytest.approx(250, abs=20)


def test_new_keys_in_a_column_of_keys_are_no_news(mixed_reference: Reference) -> None:
    assert by_name(measure_drift(mixed_reference, mixed(2_000, seed=3), DriftRule()))["email"].status == "pass"


def test_more_missing_values_are_drift_by_themselves(mixed_reference: Reference) -> None:
    amount = mixed(1_000, seed=4).column("amount").to_pylist()
    found = by_name(measure_drift(mixed_reference, mixed(1_000, seed=4, amount=[None] * 80 + amount[80:]), DriftRule()))
    assert found["amount"].status == "fail"
    assert found["amount"].missing == pytest.approx(0.08)
    assert "missing in 8.0%" in found["amount"].detail


def test_a_moved_score_is_found_with_its_psi(mixed_reference: Reference) -> None:
    random = np.random.default_rng(8)
    found = measure_drift(mixed_reference, mixed(2_000, seed=5, **{SCORE: random.beta(4, 4, 2_000)}), DriftRule())
    assert found.drifted == []
    assert found.score_status == found.status == "fail"
    assert found.score_psi is not None
    assert found.score_psi > 0.2


def test_labels_that_moved_are_drift_of_the_label(mixed_reference: Reference) -> None:
    window = mixed(500, seed=6)
    assert measure_drift(mixed_reference, window, DriftRule()).label is None
    moved = measure_drift(mixed_reference, window, DriftRule(), labels=pa.array([True] * 400 + [False] * 100))
    assert moved.label is not None
    assert moved.label.status == moved.status == "fail"
    same = measure_drift(mixed_reference, window, DriftRule(), labels=pa.array([True, False] * 250))
    assert same.label is not None
    assert same.label.status == same.status == "pass"


def test_rows_of_the_same_entities_again_are_no_new_evidence(reference: Reference) -> None:
    once = wide(200, seed=12)
    window = pa.concat_tables([once] * 30).append_column("customer", pa.array(list(range(200)) * 30))
    known = Reference(**{**reference.__dict__, "entity": ("customer",)})
    found = measure_drift(known, window, DriftRule(min_effect=0))
    assert (found.n, found.n_effective) == (6_000, 200)
    assert found.status == "pass"
    assert measure_drift(reference, window, DriftRule(min_effect=0)).status == "fail"


def test_an_empty_window_is_inconclusive(mixed_reference: Reference) -> None:
    found = measure_drift(mixed_reference, mixed(0, seed=1), DriftRule())
    assert found.status == found.score_status == "inconclusive"
    assert {column.condition for column in found.columns} == {"empty"}
    assert (found.drift_score, found.score_psi) == (None, None)


def test_all_missing_values_are_inconclusive_and_shown(mixed_reference: Reference) -> None:
    nothing = {name: [None] * 500 for name in mixed(1, seed=1).column_names}
    found = measure_drift(mixed_reference, mixed(500, seed=1, **nothing), DriftRule())
    assert found.status == "inconclusive"
    assert {column.condition for column in (*found.columns, *found.score)} == {"all_missing"}


def test_one_row_is_inconclusive_wherever_it_lies(reference: Reference) -> None:
    far = wide(1, seed=2, shift={name: 100.0 for name, _ in FEATURES})
    found = measure_drift(reference, far, DriftRule())
    assert found.status == found.score_status == "inconclusive"
    assert {column.condition for column in found.columns} == {"few_rows"}


def test_a_column_that_vanished_is_shown_as_such(reference: Reference) -> None:
    found = by_name(measure_drift(reference, wide(1_000, seed=2).drop_columns(["x4"]), DriftRule()))
    assert (found["x4"].status, found["x4"].condition) == ("inconclusive", "vanished")
    assert found["x5"].status == "pass"
    assert measure_drift(reference, wide(1_000, seed=2).drop_columns(["x4"]), DriftRule()).status == "inconclusive"


def test_a_column_of_another_type_is_shown_as_such(reference: Reference) -> None:
    window = wide(1_000, seed=2)
    found = by_name(measure_drift(reference, window.set_column(0, "x0", pa.array(["text"] * 1_000)), DriftRule()))
    assert (found["x0"].status, found["x0"].condition) == ("inconclusive", "changed_type")


def test_times_are_not_compared_but_their_missing_values_are() -> None:
    old = pa.table({"seen": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * 1_000), SCORE: np.linspace(0, 1, 1_000)})
    new = pa.array([datetime(2026, 6, 1, tzinfo=UTC)] * 1_000)
    reference = reference_of(old, [("seen", "datetime")])
    column = measure_drift(reference, old.set_column(0, "seen", new), DriftRule()).columns[0]
    assert column.status == "not_applicable"
    half = pa.array([None] * 500 + new.to_pylist()[500:], new.type)
    assert measure_drift(reference, old.set_column(0, "seen", half), DriftRule()).columns[0].status == "fail"


def test_a_column_that_was_never_filled_is_not_applicable_until_it_is() -> None:
    old = pa.table({"x": pa.array([None] * 500, pa.float64()), SCORE: np.linspace(0, 1, 500)})
    reference = reference_of(old, [("x", "float64")])
    assert measure_drift(reference, old, DriftRule()).columns[0].status == "not_applicable"
    assert measure_drift(reference, old.set_column(0, "x", pa.array([1.0] * 500)), DriftRule()).columns[0].status == "fail"


def test_drift_of_important_features_weighs_more(reference: Reference) -> None:
    weighed = Reference(**{**reference.__dict__, "importance": {"x7": 0.6, "x8": 0.4}})
    assert measure_drift(weighed, wide(1_000, seed=3, shift={"x7": 1.0}), DriftRule()).drift_score == pytest.approx(0.6)
    assert measure_drift(weighed, wide(1_000, seed=3, shift={"x1": 1.0}), DriftRule()).drift_score == 0


def test_each_class_of_a_multiclass_score_is_compared() -> None:
    random = np.random.default_rng(1)
    old, new = random.dirichlet([4, 2, 1], 3_000), random.dirichlet([2, 2, 3], 800)
    from mlops_assets.monitoring.reference import sketch_score

    reference = Reference(
        "m", "b" * 64, "multiclass_classification", ("a", "b", "c"), 3_000, 3_000, (), (), sketch_score(old, ("a", "b", "c")),
        sketch_column("__target", "category", pa.array(["a", "b", "c"] * 100)),
    )  # fmt: skip
    found = measure_drift(reference, pa.table({SCORE: pa.array(new.tolist())}), DriftRule())
    assert [column.name for column in found.score] == ["__score.a", "__score.b", "__score.c"]
    assert found.score_status == "fail"
    again = pa.table({SCORE: pa.array(random.dirichlet([4, 2, 1], 800).tolist())})
    assert measure_drift(reference, again, DriftRule()).score_status == "pass"


def test_a_score_of_another_form_is_an_error_that_says_so(reference: Reference) -> None:
    with pytest.raises(MonitoringError, match="3 numbers a row, the reference 1"):
        measure_drift(reference, pa.table({SCORE: [[0.2, 0.3, 0.5]] * 50}), DriftRule())


def test_the_result_is_plain_data_and_the_same_each_time(mixed_reference: Reference) -> None:
    first, second = (measure_drift(mixed_reference, mixed(300, seed=1), DriftRule()).to_json() for _ in range(2))
    assert json.dumps(first, sort_keys=True, allow_nan=False) == json.dumps(second, sort_keys=True)


def by_name(drift: Drift) -> dict[str, Any]:
    return {column.name: column for column in drift.columns}
