"""Alerts: the declared rules, their states, and what they ask for, as a pure function."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.monitoring.alerts.evidence import (
    AT,
    ERROR,
    LATENCY_MS,
    LATENCY_US,
    Evidence,
    Partition,
    Sources,
    evidence_of,
    request_table,
)
from mlops_assets.monitoring.alerts.message import render
from mlops_assets.monitoring.alerts.rules import AlertState, Evaluation, evaluate, fingerprint, told
from mlops_assets.monitoring.columns import KNOWN_AT, PREDICTED_AT, SCORE, TARGET
from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.spec.monitor import Alert
from tests.monitoring.cases import UTC_TIME, day, reference_of, wide

NOON = day(10, 12)
LATENCY = {"metric": "latency_ms", "aggregate": "mean", "above": 500, "over": "5m", "severity": "warning", "notify": ["ml-ops"]}
ERRORS = {"metric": "error_rate", "above": "5%", "over": "10m", "severity": "critical", "notify": ["oncall"], "do": "rollback"}
DRIFT = {"metric": "drift_score", "above": 0.3, "severity": "warning", "notify": ["data-team"], "do": "retrain"}
F1 = {"metric": "f1", "below": 0.75, "over": "1h", "min_samples": 200, "severity": "critical", "do": "rollback"}


def rule(**body: Any) -> Alert:
    return Alert.model_validate(body)


def run(declared: Alert, evidence: Evidence, state: AlertState | None = None, now: datetime = NOON) -> Evaluation:
    return evaluate(declared, evidence, state or AlertState(), now, model="churn", environment="prod")


def requests(n: int, *, ms: float = 20, errors: int = 0, ago: timedelta = timedelta(minutes=1)) -> pa.Table:
    return pa.table(
        {
            AT: pa.array([NOON - ago] * n, UTC_TIME),
            LATENCY_MS: np.full(n, float(ms)),
            ERROR: np.arange(n) < errors,
        }
    )


def sources(**more: Any) -> Sources:
    return Sources(task="binary_classification", **more)


def outcomes(n: int, right: float, known: datetime) -> pa.Table:
    y = np.arange(n) % 2 == 0
    score = np.where(np.arange(n) < right * n, y, ~y).astype(float)
    return pa.table({SCORE: score, TARGET: y, KNOWN_AT: pa.array([known] * n, UTC_TIME), PREDICTED_AT: pa.array([day(1)] * n, UTC_TIME)})


def test_mean_latency_over_five_minutes_fires_and_tells() -> None:
    declared = rule(**LATENCY)
    slow = evidence_of(declared, sources(requests=requests(50, ms=800)), NOON)
    found = run(declared, slow)
    assert (found.transition, found.notify, found.intentions) == ("firing", ("ml-ops",), ())
    calm = evidence_of(declared, sources(requests=requests(50, ms=100)), NOON)
    assert run(declared, calm).transition is None
    old = evidence_of(declared, sources(requests=requests(50, ms=800, ago=timedelta(minutes=6))), NOON)
    assert not old.conclusive


def test_an_error_rate_above_five_percent_asks_for_rollback_when_it_is_certain() -> None:
    declared = rule(**ERRORS)
    found = run(declared, evidence_of(declared, sources(requests=requests(500, errors=60)), NOON))
    assert found.transition == "firing"
    assert [(i.action, i.withheld) for i in found.intentions] == [("rollback", None)]
    assert found.state.acted
    again = run(declared, evidence_of(declared, sources(requests=requests(500, errors=60)), NOON), found.state, NOON + timedelta(minutes=1))
    assert again.intentions == ()
    assert run(declared, evidence_of(declared, sources(requests=requests(500, errors=10)), NOON)).transition is None


@pytest.mark.parametrize("n, errors, why", [(4, 4, "4 samples, a rollback needs 30"), (60, 4, "lower bound 0.02")])
def test_too_few_samples_fire_but_roll_nothing_back_until_there_are_enough(n: int, errors: int, why: str) -> None:
    declared = rule(**ERRORS)
    found = run(declared, evidence_of(declared, sources(requests=requests(n, errors=errors)), NOON))
    assert found.transition == "firing"
    assert found.intentions[0].withheld is not None
    assert why in found.intentions[0].withheld
    assert not found.state.acted
    more = evidence_of(declared, sources(requests=requests(800, errors=400)), NOON)
    later = run(declared, more, found.state, NOON + timedelta(minutes=1))
    assert (later.transition, later.intentions[0].withheld) == (None, None)
    assert later.intentions[0].key == found.intentions[0].key


def test_drift_asks_the_policy_once_a_partition() -> None:
    declared = rule(**DRIFT)
    partitions = [Partition("2026-01-08", day(9), 0.5, 900), Partition("2026-01-09", day(10), 0.6, 900)]
    first = run(declared, evidence_of(declared, sources(partitions={"drift_score": partitions[:1]}), NOON))
    assert [(i.action, i.numbers["window"]) for i in first.intentions] == [("retrain", "2026-01-08")]
    same = run(declared, evidence_of(declared, sources(partitions={"drift_score": partitions[:1]}), NOON), first.state)
    assert same.intentions == ()
    new = run(declared, evidence_of(declared, sources(partitions={"drift_score": partitions}), NOON), first.state)
    assert [i.numbers["window"] for i in new.intentions] == ["2026-01-09"]
    assert new.intentions[0].key != first.intentions[0].key
    unsure = [Partition("2026-01-10", day(10), None, 3, conclusive=False, detail="3 rows")]
    assert run(declared, evidence_of(declared, sources(partitions={"drift_score": unsure}), NOON), first.state).transition is None


def test_f1_is_that_of_the_labels_that_matured_in_that_hour() -> None:
    declared, reference = rule(**F1), reference_of(wide(10, seed=0), [])
    inside = outcomes(400, right=0.6, known=NOON - timedelta(minutes=30))
    before = outcomes(400, right=1.0, known=NOON - timedelta(hours=2))
    found = evidence_of(declared, sources(outcomes=pa.concat_tables([inside, before]), reference=reference), NOON)
    assert found.n == 400
    assert found.value == pytest.approx(0.6, abs=0.01)
    assert [(i.action, i.withheld) for i in run(declared, found).intentions] == [("rollback", None)]
    few = evidence_of(declared, sources(outcomes=inside.slice(0, 150), reference=reference), NOON)
    assert (run(declared, few).transition, run(declared, few).intentions) == (None, ())
    assert "150 samples, 200 are needed" in run(declared, few).text


def test_without_labels_or_journal_or_partition_a_rule_is_inconclusive_and_never_fires() -> None:
    for body in (LATENCY, ERRORS, DRIFT, F1):
        declared = rule(**body)
        for found in (sources(), sources(requests=requests(0), outcomes=outcomes(0, 1, NOON), reference=reference_of(wide(5, 0), []))):
            evidence = evidence_of(declared, found, NOON)
            assert run(declared, evidence).text.split("; ")[1].startswith("inconclusive")
            assert run(declared, evidence).state.phase == "inactive"


def test_a_firing_alert_is_not_resolved_by_silence() -> None:
    declared = rule(**LATENCY)
    firing = told(run(declared, Evidence(900, 50)), ["ml-ops"])
    assert run(declared, Evidence(None, 0, conclusive=False), firing, NOON + timedelta(hours=1)).state.phase == "firing"
    ended = run(declared, Evidence(100, 50), firing, NOON + timedelta(hours=2))
    assert (ended.transition, ended.notify, ended.state.phase) == ("resolved", ("ml-ops",), "inactive")


def test_for_holds_an_alert_pending_until_the_time_has_passed() -> None:
    declared = rule(**LATENCY, **{"for": "10m"})
    first = run(declared, Evidence(900, 50))
    assert (first.transition, first.notify) == ("pending", ())
    waiting = run(declared, Evidence(900, 50), first.state, NOON + timedelta(minutes=9))
    assert (waiting.transition, waiting.state.phase) == (None, "pending")
    fired = run(declared, Evidence(900, 50), waiting.state, NOON + timedelta(minutes=10))
    assert (fired.transition, fired.state.since) == ("firing", NOON.isoformat())
    calm = run(declared, Evidence(100, 50), waiting.state, NOON + timedelta(minutes=9))
    assert (calm.transition, calm.state.since) == (None, None)


def test_each_channel_is_told_once_and_a_dead_one_is_tried_again() -> None:
    declared = rule(**{**LATENCY, "notify": ["mail", "chat"]})
    first = run(declared, Evidence(900, 50))
    assert first.notify == ("mail", "chat")
    half = told(first, ["mail"])
    again = run(declared, Evidence(900, 50), half, NOON + timedelta(minutes=1))
    assert (again.transition, again.notify) == (None, ("chat",))
    assert run(declared, Evidence(900, 50), told(again, ["chat"]), NOON + timedelta(minutes=2)).notify == ()
    assert run(declared, Evidence(1, 50), half, NOON + timedelta(minutes=3)).notify == ("mail",)


def test_an_incident_opens_and_closes_with_its_alert() -> None:
    declared = rule(**{**LATENCY, "do": "incident"})
    opened = run(declared, Evidence(900, 50))
    assert [i.action for i in opened.intentions] == ["open_incident"]
    closed = run(declared, Evidence(1, 50), opened.state, NOON + timedelta(minutes=5))
    assert [i.action for i in closed.intentions] == ["close_incident"]


def test_a_clock_that_goes_back_changes_nothing() -> None:
    declared = rule(**LATENCY)
    firing = run(declared, Evidence(900, 50)).state
    found = run(declared, Evidence(1, 50), firing, NOON - timedelta(days=1))
    assert (found.state, found.transition) == (firing, None)
    assert "clock went back" in found.text


def test_evaluating_twice_gives_the_same_and_states_survive_json() -> None:
    declared = rule(**ERRORS)
    evidence = evidence_of(declared, sources(requests=requests(500, errors=60)), NOON)
    assert run(declared, evidence) == run(declared, evidence)
    state = run(declared, evidence).state
    assert AlertState.from_json(state.to_json()) == state
    assert AlertState.from_json(None) == AlertState()


def test_another_bound_is_another_rule() -> None:
    marks = {fingerprint(model, "prod", rule(**{**LATENCY, "above": above})) for above in (500, 600) for model in ("a", "b")}
    assert len(marks) == 4


@given(st.lists(st.tuples(st.sampled_from([100.0, 900.0, None]), st.integers(1, 20)), max_size=40))
@settings(max_examples=100, deadline=None)
def test_a_firing_is_told_once_and_resolved_once(steps: list[tuple[float | None, int]]) -> None:
    declared, state, now, story = rule(**ERRORS, **{"for": "15m"}), AlertState(), NOON, []
    for value, minutes in steps:
        now += timedelta(minutes=minutes)
        share = None if value is None else value / 1000
        evidence = Evidence(share, 500, share and share - 0.01, share, conclusive=value is not None)
        found = run(declared, evidence, state, now)
        state = told(found, found.notify)
        if found.transition in ("firing", "resolved"):
            story.append(found.transition)
            assert found.notify == ("oncall",)
        else:
            assert found.notify == ()
    assert all(kind == ("firing" if place % 2 == 0 else "resolved") for place, kind in enumerate(story))


def test_percentiles_counts_and_the_greatest_are_computed() -> None:
    table = pa.table({AT: pa.array([NOON] * 1_000, UTC_TIME), LATENCY_MS: np.arange(1_000.0), ERROR: [False] * 1_000})
    for how, value in (("p50", 499.5), ("p99", 989.01), ("max", 999), ("mean", 499.5)):
        found = evidence_of(rule(metric="latency_ms", above=1, over="5m", aggregate=how), sources(requests=table), NOON)
        assert found.value == pytest.approx(value)
    p99 = evidence_of(rule(metric="latency_p99_ms", above=1, over="5m"), sources(requests=table), NOON)
    assert p99.low is not None
    assert p99.low < 989 < (p99.high or 1e9)
    assert evidence_of(rule(metric="requests", below=10, over="5m"), sources(requests=table), NOON).value == 1_000
    assert run(rule(metric="requests", below=10, over="5m"), Evidence(0.0, 1)).transition == "firing"


def test_requests_are_read_from_predictions_and_errors_of_the_journal() -> None:
    made = pa.table({PREDICTED_AT: pa.array([NOON, NOON], UTC_TIME), LATENCY_US: [1_500, 2_500]})
    failed = pa.table({PREDICTED_AT: pa.array([NOON], UTC_TIME)})
    table = request_table(made, failed)
    assert evidence_of(rule(metric="error_rate", above=0.5, over="5m"), sources(requests=table), NOON).value == pytest.approx(1 / 3)
    assert evidence_of(rule(metric="latency_ms", above=5, over="5m"), sources(requests=table), NOON).value == pytest.approx(2.0)
    assert request_table(None, None).num_rows == 0


def test_an_unknown_metric_is_an_error_that_names_the_near_one() -> None:
    with pytest.raises(MonitoringError, match="Did you mean 'latency_ms'"):
        evidence_of(rule(metric="latency", above=1), sources(), NOON)


def test_the_message_says_what_since_when_how_bad_and_what_to_do() -> None:
    declared = rule(**ERRORS)
    found = run(declared, evidence_of(declared, sources(requests=requests(500, errors=60)), NOON))
    message = render(declared, found, model="churn", environment="prod", links={"Dagster": "http://127.0.0.1:3000"})
    assert message.title == "FIRING: churn (prod): error_rate above 0.05 over 10m, n = 500"
    for part in ("error_rate is 0.12", NOON.isoformat(), "140%", "n = 500", "mlops rollback churn", "mlops status churn", "127.0.0.1:3000"):
        assert part in message.body
    assert message.kind == "failure"
    calm = run(declared, Evidence(0.01, 500), found.state, NOON + timedelta(hours=1))
    ended = render(declared, calm, model="churn", environment="prod")
    assert ended.title.startswith("RESOLVED: churn (prod)")
    assert ended.kind == "success"
    assert "rollback" not in ended.body
