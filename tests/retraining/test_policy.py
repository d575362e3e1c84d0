"""The retraining policy: what fires, what confirms, what holds back, and that it depends on nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.retraining.history import Ask, Champion, History, Measured, Request, Window
from mlops_assets.retraining.policy import Decision, decide
from mlops_assets.spec.retrain import Retrain

START = datetime(2026, 1, 1, tzinfo=UTC)
GATE = Measured(0.80, 0.79, 0.81, n=5_000)
GOOD = Measured(0.80, 0.78, 0.82, n=1_000)
FALLEN = Measured(0.70, 0.68, 0.72, n=1_000)
NOISY = Measured(0.70, 0.55, 0.85, n=20)
UNCOVERED = Measured(0.70, 0.68, 0.72, n=1_000, conclusive=False, detail="labels for 20% of predictions")
ON_PERFORMANCE = {"when": {"any": [{"performance": {"drop": 0.02}}]}, "cooldown": "1d", "budget": "4 per 30d"}


def policy(**body: Any) -> Retrain:
    return Retrain.model_validate({**ON_PERFORMANCE, **body})


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def champion(**changes: Any) -> Champion:
    return replace(Champion(1, START, START, "roc_auc", True, GATE), **changes)


def windows(*found: Measured | None, version: int = 1, kind: str = "performance") -> tuple[Window, ...]:
    return tuple(Window(f"w{n:03}", day(n), version, **{kind: measured}) for n, measured in enumerate(found, 1))


def ask(policy: Retrain | None, *found: Measured | None, now: float | None = None, **changes: Any) -> Decision:
    history = History(**{"champion": champion(), "windows": windows(*found), **changes})
    return decide(policy, history, day(len(found) if now is None else now))


def test_a_fall_that_is_more_than_chance_asks_once_with_its_numbers() -> None:
    found = ask(policy(), GOOD, FALLEN)
    assert (found.answer, found.trigger, found.window) == ("yes", "performance", "w002")
    assert found.numbers["performance_drop"] == pytest.approx(0.10)
    assert found.numbers["performance_gate"] == 0.80
    assert found.numbers["performance_n"] == 1_000
    assert "0.7 against 0.8 at the gate" in found.text


def test_no_fall_asks_for_nothing() -> None:
    found = ask(policy(), GOOD, GOOD)
    assert (found.answer, found.fired, found.trigger) == ("no", False, "none")


@pytest.mark.parametrize("evidence", [NOISY, UNCOVERED, None, Measured(None), Measured(float("nan")), Measured(0.5, n=3)])
def test_inconclusive_evidence_never_asks(evidence: Measured | None) -> None:
    found = ask(policy(), evidence, evidence)
    assert (found.answer, found.fired) == ("inconclusive", False)


ONE_CLASS = Measured(0.9, 0.8, 1.0, n=300, metric="log_loss", gate=0.5, worse=0.4, worse_low=0.3)


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (ONE_CLASS, "yes"),
        (replace(ONE_CLASS, value=0.49, worse=-0.01, worse_low=-0.1), "no"),
        (replace(ONE_CLASS, value=0.505, worse=0.005, worse_low=0.001), "no"),
        (replace(ONE_CLASS, worse_low=-0.1), "inconclusive"),
        (replace(ONE_CLASS, gate=None, worse=None, worse_low=None), "inconclusive"),
        (replace(ONE_CLASS, worse=None, worse_low=None, detail="no interval"), "inconclusive"),
    ],
)
def test_a_window_of_one_class_is_held_against_the_gate_of_the_metric_that_it_was_measured_by(found: Measured, answer: str) -> None:
    decision = ask(policy(), found)
    assert decision.answer == answer
    if answer == "yes":
        assert "log_loss 0.9 against 0.5 at the gate, worse by 0.4 (limit 0.01" in decision.text


def test_without_a_window_the_answer_is_inconclusive() -> None:
    assert ask(policy()).answer == "inconclusive"


@pytest.mark.parametrize(
    "found, answer",
    [
        ((FALLEN,), "no"),
        ((FALLEN, FALLEN), "yes"),
        ((FALLEN, GOOD, FALLEN), "yes"),
        ((FALLEN, GOOD, GOOD, FALLEN), "no"),
        ((FALLEN, FALLEN, GOOD, GOOD), "no"),
        ((FALLEN, NOISY, GOOD), "inconclusive"),
        ((FALLEN, NOISY, FALLEN), "yes"),
        ((NOISY, NOISY, NOISY), "inconclusive"),
    ],
)
def test_two_of_three_windows_must_confirm(found: tuple[Measured, ...], answer: str) -> None:
    assert ask(policy(confirm="2 of 3"), *found).answer == answer


def test_windows_of_another_version_and_of_the_future_do_not_count() -> None:
    assert ask(policy(), windows=windows(FALLEN, version=2), now=5).answer == "inconclusive"
    assert ask(policy(), GOOD, FALLEN, now=1.5).answer == "no"


def test_metrics_that_are_better_when_small_fall_upwards() -> None:
    error = champion(metric="rmse", greater_is_better=False, gate=Measured(10.0, 9.5, 10.5, n=500))
    better, worse = Measured(8.0, 7.5, 8.5, n=500), Measured(13.0, 12.5, 13.5, n=500)
    assert ask(policy(), better, champion=error).answer == "no"
    assert ask(policy(), worse, champion=error).answer == "yes"


def test_estimated_performance_and_score_drift_are_triggers_of_their_own() -> None:
    estimated = policy(when={"any": [{"estimated_performance": {"drop": 0.03}}]})
    assert ask(estimated, windows=windows(FALLEN, kind="estimated"), now=2).trigger == "estimated_performance"
    drift = policy(when={"any": [{"score_drift": {"psi": 0.2}}]})
    moved = Measured(0.5, n=1_000, significant=True)
    assert ask(drift, windows=windows(moved, kind="score_psi"), now=2).trigger == "score_drift"
    small = replace(moved, n=50, significant=False)
    assert ask(drift, windows=windows(small, kind="score_psi"), now=2).answer == "inconclusive"
    assert ask(drift, windows=windows(replace(moved, value=0.1), kind="score_psi"), now=2).answer == "no"


def test_age_counts_to_the_newest_data_and_not_to_the_clock() -> None:
    old = policy(when={"any": [{"age": "30d"}]})
    assert ask(old, GOOD, data_until=day(29), now=400).answer == "no"
    found = ask(old, GOOD, data_until=day(30), now=30)
    assert (found.answer, found.trigger) == ("yes", "age")
    assert ask(old, GOOD, data_until=None, now=400).answer == "inconclusive"
    months = policy(when={"any": [{"age": "1 month"}]})
    assert ask(months, GOOD, data_until=day(30), now=31).answer == "no"
    assert ask(months, GOOD, data_until=day(31), now=31).answer == "yes"


def test_any_needs_one_trigger_and_all_needs_every_one() -> None:
    pair = [{"performance": {"drop": 0.02}}, {"age": "30d"}]
    both = [Window("w001", day(1), 1, performance=FALLEN)]
    young, old = {"data_until": day(2)}, {"data_until": day(40)}
    assert ask(policy(when={"any": pair}), windows=tuple(both), now=41, **young).trigger == "performance"
    assert ask(policy(when={"all": pair}), windows=tuple(both), now=41, **young).answer == "no"
    found = ask(policy(when={"all": pair}), windows=tuple(both), now=41, **old)
    assert (found.answer, found.trigger) == ("yes", "performance+age")
    unknown = [Window("w001", day(1), 1, performance=NOISY)]
    assert ask(policy(when={"all": pair}), windows=tuple(unknown), now=41, **old).answer == "inconclusive"
    assert ask(policy(when={"any": pair}), windows=tuple(unknown), now=41, **old).answer == "yes"


@pytest.mark.parametrize(("until", "answer"), [(-30.0, "no"), (0.0, "no"), (0.5, "yes")])
def test_without_data_newer_than_what_the_champion_learned_from_nothing_is_asked(until: float, answer: str) -> None:
    found = ask(policy(), FALLEN, data_until=day(until))
    assert (found.answer, found.fired) == (answer, True)
    if answer == "no":
        assert found.reasons[-1].name == "no_new_data"
        assert f"the champion learned from data up to {day(0).isoformat()}" in found.text
        assert found.numbers["data_until"] == day(until).isoformat()


def test_one_in_flight_holds_the_next_one_back() -> None:
    running = Request("k", day(0.5), 1, "w000", in_flight=True)
    found = ask(policy(), FALLEN, now=20, requests=(running,))
    assert (found.answer, found.held_back, found.reasons[-1].name) == ("no", True, "in_flight")


def test_the_same_window_asks_once_also_when_another_trigger_fires_later() -> None:
    first = ask(policy(cooldown="0d"), FALLEN, now=2)
    assert first.key is not None
    made = Request(first.key, day(2), 1, "w001")
    found = ask(policy(cooldown="0d"), FALLEN, now=5, requests=(made,))
    assert (found.answer, found.reasons[-1].name) == ("no", "requested")


def test_cooldown_and_budget_hold_back_and_say_until_when() -> None:
    made = tuple(Request(f"k{n}", day(n), 1, f"old{n}") for n in range(1, 4))
    found = ask(policy(cooldown="3d"), FALLEN, now=5, requests=made)
    assert (found.answer, found.reasons[-1].name) == ("no", "cooldown")
    assert found.numbers["cooldown_until"] == day(6).isoformat(timespec="seconds")
    assert ask(policy(cooldown="3d"), FALLEN, now=6, requests=made).answer == "yes"
    found = ask(policy(budget="3 per 30d"), FALLEN, now=20, requests=made)
    assert (found.answer, found.reasons[-1].name) == ("no", "budget")
    assert ask(policy(budget="3 per 30d"), FALLEN, now=31, requests=made).answer == "yes"


def test_a_clock_that_went_back_stays_in_the_cooldown() -> None:
    made = (Request("k", day(300), 1, "w300"),)
    assert ask(policy(), FALLEN, now=10, requests=made).answer == "no"


def test_a_schedule_asks_once_for_each_time_that_it_is_due() -> None:
    weekly = Retrain.model_validate({"schedule": "weekly", "cooldown": "1d"})
    before = ask(weekly, now=3.9)  # Monday 5 January 00:15 is the first time that it is due
    assert (before.answer, before.fired) == ("no", False)
    due = ask(weekly, now=4.5)
    assert (due.answer, due.trigger, due.window) == ("yes", "schedule", "2026-01-05T00:15:00+00:00")
    assert ask(weekly, now=10).key == due.key
    made = (Request(str(due.key), day(4.5), 1, str(due.window)),)
    assert ask(weekly, now=10, requests=made).answer == "no"
    assert ask(weekly, now=12, requests=made).answer == "yes"


def test_an_alert_asks_the_policy_and_does_not_go_around_it() -> None:
    alert = Ask("drift_score above 0.3", day(2.5), "drift_score", 0.4, 900)
    found = ask(policy(), GOOD, GOOD, now=3, asks=(alert,))
    assert (found.answer, found.trigger) == ("yes", "alert")
    twice = policy(confirm="2 of 3")
    assert ask(twice, GOOD, GOOD, now=3, asks=(alert,)).answer == "no"
    assert ask(twice, GOOD, GOOD, now=3, asks=(alert, replace(alert, at=day(1.5)))).answer == "yes"
    running = (Request("k", day(1), 1, "w000", in_flight=True),)
    assert ask(policy(), GOOD, GOOD, now=3, asks=(alert,), requests=running).answer == "no"
    assert ask(policy(), GOOD, GOOD, GOOD, GOOD, now=4, asks=(alert,)).answer == "no"
    assert ask(None, GOOD, GOOD, now=3, asks=(alert,)).answer == "no"


def test_without_a_champion_or_a_policy_nothing_is_asked_for() -> None:
    assert decide(policy(), History(None, windows(FALLEN)), day(2)).answer == "no"
    assert ask(None, FALLEN).answer == "no"


def test_the_decision_does_not_depend_on_the_order_of_history() -> None:
    found = windows(FALLEN, GOOD, FALLEN, NOISY)
    made = (Request("a", day(-9), 1, "x"), Request("b", day(-5), 1, "y"))
    a = decide(policy(), History(champion(), found, made), day(5))
    b = decide(policy(), History(champion(), found[::-1], made[::-1]), day(5))
    assert a == b


EVIDENCE = st.sampled_from([GOOD, FALLEN, NOISY, UNCOVERED, None])
POLICIES = st.builds(
    lambda hits, more, cooldown, count, per: policy(
        when={"any": [{"performance": {"drop": 0.02}}, {"age": "20d"}]},
        confirm=f"{hits} of {hits + more}",
        cooldown=f"{cooldown}d",
        budget=f"{count} per {per}d",
    ),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(0, 6),
    st.integers(1, 4),
    st.integers(5, 40),
)


@given(
    POLICIES,
    st.lists(EVIDENCE, min_size=5, max_size=60),
    st.lists(st.tuples(st.floats(0.01, 3), st.integers(1, 4)), min_size=10, max_size=80),
    st.integers(1, 4),
)
@settings(max_examples=120, deadline=None)
def test_in_any_life_one_is_in_flight_and_cooldown_and_budget_hold(
    rules: Retrain, evidence: list[Measured | None], ticks: list[tuple[float, int]], duration: int
) -> None:
    """Ticks at any times, some run several times over, some after days off; runs take days; a run that ends makes a champion."""
    found, made, reign, now = windows(*evidence), list[Request](), champion(), 0.0
    keys: set[str] = set()
    for step, (wait, times) in enumerate(ticks):
        now += wait
        made = [replace(r, in_flight=r.at + timedelta(days=duration) > day(now)) for r in made]
        if made and not made[-1].in_flight and made[-1].version == reign.version and step % 2:
            reign = replace(reign, version=reign.version + 1, since=day(now), trained_until=day(now))
        current = tuple(replace(w, version=reign.version) if w.end > reign.since else w for w in found)
        for _ in range(times):
            history = History(reign, current, tuple(made), (), day(min(now, len(found))))
            decision = decide(rules, history, day(now))
            assert decision == decide(rules, history, day(now))
            if decision.answer != "yes":
                continue
            assert decision.key is not None
            assert decision.key not in keys
            assert not any(r.in_flight for r in made)
            assert all(day(now) - r.at >= rules.cooldown.timedelta for r in made)
            assert sum(r.at > day(now) - rules.budget.per.timedelta for r in made) < rules.budget.count
            keys.add(decision.key)
            made.append(Request(decision.key, day(now), reign.version, str(decision.window), in_flight=True))


@given(POLICIES, st.lists(st.sampled_from([NOISY, UNCOVERED, None, Measured(None)]), max_size=20))
@settings(max_examples=100, deadline=None)
def test_no_policy_retrains_on_inconclusive_evidence_alone(rules: Retrain, evidence: list[Measured | None]) -> None:
    found = decide(rules, History(champion(), windows(*evidence), (), (), day(5)), day(30))
    assert found.answer != "yes"


@given(st.lists(EVIDENCE, max_size=20), st.lists(EVIDENCE, max_size=10), st.integers(0, 20))
@settings(max_examples=100, deadline=None)
def test_what_comes_later_changes_no_decision_of_the_past(past: list[Measured | None], later: list[Measured | None], now: int) -> None:
    before, after = windows(*past)[:now], windows(*past[:now], *later)[: now + len(later)]
    shown = tuple(w for w in after if w.end > day(now)) + before
    assert decide(policy(), History(champion(), before), day(now)) == decide(policy(), History(champion(), shown), day(now))
