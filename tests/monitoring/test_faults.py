"""Every fault that a monitored window can have, through the whole chain: shown for what it is, no pass, no retraining by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.monitoring.columns import KNOWN_AT, PREDICTED_AT, PREDICTION_ID, SCORE, TARGET
from mlops_assets.monitoring.data_quality import DataQuality, measure_quality
from mlops_assets.monitoring.drift import Drift, measure_drift
from mlops_assets.monitoring.estimation import Estimate, estimate_performance
from mlops_assets.monitoring.outcomes import Outcomes, join_outcomes
from mlops_assets.monitoring.performance import Performance, measure_performance
from mlops_assets.monitoring.reference import Reference
from mlops_assets.retraining.evidence import champion_of, window_of
from mlops_assets.retraining.history import History
from mlops_assets.retraining.policy import Decision, decide
from mlops_assets.spec.monitor import DriftRule, PerformanceRule
from mlops_assets.spec.retrain import Retrain
from tests.monitoring.cases import UTC_TIME, day, reference_of

NOW = day(20)
FEATURES = [("amount", "float64"), ("plan", "category")]
METRICS = {"roc_auc": {"value": 0.83, "interval": [0.82, 0.84], "n": 5_000}}
EAGER = Retrain.model_validate(
    {
        "when": {
            "any": [
                {"performance": {"drop": 0.001}},
                {"estimated_performance": {"drop": 0.001}},
                {"score_drift": {"psi": 0.01}},
                {"age": "30d"},
            ]
        },
        "cooldown": "1d",
    }
)


def made(n: int, seed: int, at: datetime | None = None) -> pa.Table:
    random = np.random.default_rng(seed)
    moments = [at or day(3) + timedelta(seconds=place) for place in range(n)]
    return pa.table(
        {
            PREDICTION_ID: [f"p{place}" for place in range(n)],
            PREDICTED_AT: pa.array(moments, UTC_TIME),
            "amount": random.normal(size=n),
            "plan": pa.array(random.choice(["free", "pro"], size=n), pa.string()),
            SCORE: random.beta(1, 1, n),
        }
    )


def known(predictions: pa.Table, seed: int = 1) -> pa.Table:
    """Labels that follow the score: its AUC is about 0.83."""
    n = predictions.num_rows
    score = np.nan_to_num(predictions.column(SCORE).cast(pa.float64()).to_numpy(zero_copy_only=False).astype(float), nan=0.5)
    happened = np.random.default_rng(seed).random(n) < score
    return pa.table(
        {
            PREDICTION_ID: predictions.column(PREDICTION_ID),
            TARGET: pa.array(happened, pa.bool_()),
            KNOWN_AT: pa.array([day(5)] * n, UTC_TIME),
        }
    )


@dataclass(frozen=True)
class Chain:
    """What every part says of one window."""

    drift: Drift
    quality: DataQuality
    outcomes: Outcomes
    performance: Performance
    estimate: Estimate
    decision: Decision


@pytest.fixture(scope="module")
def reference() -> Reference:
    estimator = {"method": "cbpe", "n": 5_000, "curves": [{"x": [0.0, 1.0], "y": [0.001, 0.999]}]}
    return reference_of(made(5_000, seed=0), FEATURES, metrics=METRICS, estimator=estimator)


def chain(reference: Reference, predictions: pa.Table, labels: pa.Table, now: datetime = NOW) -> Chain:
    outcomes = join_outcomes(predictions, labels, now=now, horizon=timedelta(days=7))
    drift = measure_drift(reference, predictions, DriftRule())
    performance = measure_performance(reference, outcomes.table, outcomes.coverage, PerformanceRule(), metric="roc_auc", tolerated=0.02)
    estimate = estimate_performance(reference, predictions, "roc_auc")
    window = window_of(
        "2026-01-03",
        day(4),
        1,
        performance=performance.to_json(),
        estimate=estimate.to_json(),
        drift=json.loads(json.dumps(drift.to_json())),
    )
    champion = champion_of(1, day(1), day(1), "roc_auc", True, METRICS)
    history = History(champion, (window,), (), (), day(4))
    quality = measure_quality(reference, predictions, usual_rows=[1_000] * 5)
    return Chain(drift, quality, outcomes, performance, estimate, decide(EAGER, history, now))


def test_a_sound_window_passes_everywhere(reference: Reference) -> None:
    predictions = made(1_000, seed=2)
    found = chain(reference, predictions, known(predictions))
    assert (found.drift.status, found.quality.status, found.performance.status, found.estimate.status) == (
        "pass",
        "pass",
        "pass",
        "estimated",
    )
    assert found.decision.answer != "yes"


def test_a_window_that_went_wrong_with_good_evidence_retrains(reference: Reference) -> None:
    predictions = made(1_000, seed=2)
    labels = known(predictions)
    turned = labels.set_column(1, TARGET, pa.array(np.random.default_rng(3).random(1_000) < 0.5))
    found = chain(reference, predictions, turned)
    assert found.performance.status == "fail"
    assert (found.decision.answer, found.decision.trigger) == ("yes", "performance")


def blanked(n: int) -> pa.Table:
    table = made(n, seed=2)
    for name in ("amount", "plan", SCORE):
        table = table.set_column(table.column_names.index(name), name, pa.nulls(n, table.schema.field(name).type))
    return table


@pytest.mark.parametrize(
    "make, condition",
    [(lambda: made(0, seed=2), "empty"), (lambda: blanked(1_000), "all_missing"), (lambda: made(1, seed=2), "few_rows")],
    ids=["an empty day", "a day of missing values", "a day with one row"],
)
def test_days_without_evidence(reference: Reference, make: Callable[[], pa.Table], condition: str) -> None:
    predictions = make()
    found = chain(reference, predictions, known(predictions))
    assert found.drift.status == "inconclusive"
    assert {column.condition for column in (*found.drift.columns, *found.drift.score)} == {condition}
    assert found.quality.status == "fail"
    assert found.performance.status == "inconclusive"
    assert (found.estimate.status, found.estimate.value) == ("inconclusive", None)
    assert found.decision.answer == "inconclusive"


def test_a_column_that_vanished(reference: Reference) -> None:
    predictions = made(1_000, seed=2).drop_columns(["plan"])
    found = chain(reference, predictions, known(predictions))
    assert found.drift.status == "inconclusive"
    assert [column.condition for column in found.drift.columns] == ["compared", "vanished"]
    assert [(finding.check, finding.column) for finding in found.quality.failed] == [("vanished", "plan")]
    assert found.decision.answer != "yes"


def test_labels_that_never_come(reference: Reference) -> None:
    predictions = made(1_000, seed=2)
    found = chain(reference, predictions, known(predictions).slice(0, 0))
    assert (found.performance.status, found.performance.coverage) == ("inconclusive", 0.0)
    assert "no label for 1000 matured predictions" in found.performance.detail
    assert found.decision.answer == "inconclusive"


def test_labels_that_come_twice_with_different_values(reference: Reference) -> None:
    predictions = made(1_000, seed=2)
    labels = known(predictions)
    other = labels.set_column(1, TARGET, pa.array([not value for value in labels.column(TARGET).to_pylist()]))
    found = chain(reference, predictions, pa.concat_tables([labels, other]))
    assert (found.outcomes.coverage.conflicting, found.outcomes.coverage.labelled) == (1_000, 0)
    assert found.performance.status == "inconclusive"
    assert found.decision.answer == "inconclusive"


def test_a_clock_that_jumps_forward_and_back(reference: Reference) -> None:
    ahead = made(1_000, seed=2, at=day(30))
    found = chain(reference, ahead, known(ahead))
    assert found.outcomes.coverage.in_future == 1_000
    assert found.performance.status == "inconclusive"
    assert found.decision.answer == "inconclusive"
    predictions = made(1_000, seed=2)
    years = chain(reference, predictions, known(predictions), now=datetime(2036, 1, 1, tzinfo=day(1).tzinfo))
    assert years.decision.answer != "yes"
    before = chain(reference, predictions, known(predictions), now=day(2))
    assert before.performance.status == "inconclusive"
    assert before.decision.answer == "inconclusive"
