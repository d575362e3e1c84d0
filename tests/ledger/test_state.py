"""The fold: what is true of a model after its events, in pieces as at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.ledger import Event, Ledger, Refused, State, actions, fold, open_ledger
from mlops_assets.ledger.kinds import KINDS
from mlops_assets.ledger.state import EMPTY, as_json
from mlops_assets.ledger.story import tell
from mlops_assets.ledger.transitions import STATES, TRANSITIONS, diagram

from .lives import MODEL, NOTE, candidate, champion, digests, judge, principal

Opened = Callable[..., Ledger]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(str(tmp_path / "ledger.db"), checkpoints=tmp_path / "checkpoints")


def full_life(ledger: Ledger) -> list[Event]:
    """A life that meets every state and most kinds of event."""
    for number in (1, 2, 3):
        champion(ledger, number)
    actions.rollback(ledger, MODEL, "os:ana", reason="slow")
    candidate(ledger, 4)
    actions.start_rollout(ledger, MODEL, 4, "os:ana", strategy="canary", share=0.05, steps=[0.05, 0.25], needed=0)
    ledger.append("traffic_shifted", MODEL, "os:ana", {"share": 0.25, "step": 1}, version=4)
    ledger.append("analysed", MODEL, "os:ana", {"step": 1, "result": "inconclusive", "numbers": {"roc_auc": 0.7}, "n": 50}, version=4)
    ledger.append("drift_found", MODEL, "os:ana", NOTE)
    ledger.append("retraining_requested", MODEL, "os:ana", {"key": "3:drift:w1", "trigger": "score_drift", "numbers": {"psi": 0.4}})
    ledger.append("retraining_declined", MODEL, "os:ana", {"key": "3:drift:w2", "trigger": "age", "reason": "cooldown", "numbers": {}})
    ledger.append("incident_opened", MODEL, "os:ana", {"incident": "i1", "severity": "critical", "summary": "errors"})
    judge(ledger, 9, "fail")
    actions.waive(ledger, MODEL, "os:ana", gates=["beats_naive"], reason="first model")
    candidate(ledger, 5)
    actions.reject(ledger, MODEL, 5, "os:bo", reason="no")
    actions.rollback(ledger, MODEL, "os:ana", reason="slower")
    ledger.append("incident_closed", MODEL, "os:ana", {"incident": "i1", "resolution": "rolled back"})
    candidate(ledger, 6)
    actions.archive(ledger, MODEL, 6, "os:ana", reason="superseded")
    actions.retire(ledger, MODEL, 6, "os:ana", reason="old")
    actions.prune(ledger, MODEL, 6, "os:ana", reason="nobody needs it")
    return list(ledger.events())


def test_promotions_and_a_rollback_leave_intervals_without_gap_or_overlap(ledger: Ledger) -> None:
    first, second = champion(ledger, 1), champion(ledger, 2)
    assert second.body["replaces"] == 1
    undone = actions.rollback(ledger, MODEL, "os:ana", reason="slow")
    state = ledger.state(MODEL)
    assert (undone.kind, undone.version, undone.body["restored"]) == ("rolled_back", 2, 1)
    assert [(one.version, one.since, one.until) for one in state.intervals] == [
        (1, first.time, second.time),
        (2, second.time, undone.time),
        (1, undone.time, None),
    ]
    assert {number: version.state for number, version in state.versions.items()} == {1: "champion", 2: "rolled_back"}
    assert state.traffic == {1: 1.0}
    assert state.champion_at(second.at) == 2
    assert state.champion_at(undone.at + timedelta(days=1)) == 1
    assert state.champion_at(first.at - timedelta(seconds=1)) is None


def test_rolling_back_twice_goes_back_two_champions_and_not_to_the_one_rolled_back(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        champion(ledger, number)
    actions.rollback(ledger, MODEL, "os:ana", reason="slow")
    assert ledger.state(MODEL).champion == 2
    actions.rollback(ledger, MODEL, "os:ana", reason="slow")
    assert ledger.state(MODEL).champion == 1
    with pytest.raises(Refused, match=r"no earlier champion in dev to go back to\. Promote another version"):
        actions.rollback(ledger, MODEL, "os:ana", reason="slow")


def test_without_a_champion_there_is_nothing_to_roll_back(ledger: Ledger) -> None:
    candidate(ledger, 1)
    with pytest.raises(Refused, match="nothing to roll back"):
        actions.rollback(ledger, MODEL, "os:ana", reason="slow")


def test_a_rollout_shares_traffic_and_a_rollback_in_it_pins_the_champion(ledger: Ledger) -> None:
    champion(ledger, 1)
    candidate(ledger, 2)
    actions.start_rollout(ledger, MODEL, 2, "os:ana", strategy="canary", share=0.05, steps=[0.05, 0.5], needed=0)
    ledger.append("traffic_shifted", MODEL, "os:ana", {"share": 0.5, "step": 1}, version=2)
    state = ledger.state(MODEL)
    assert (state.champion, state.challenger, state.traffic) == (1, 2, {1: 0.5, 2: 0.5})
    assert state.rollout is not None
    assert (state.rollout.step, state.rollout.share) == (1, 0.5)
    undone = actions.rollback(ledger, MODEL, "os:ana", reason="errors")
    state = ledger.state(MODEL)
    assert (undone.version, undone.body["restored"]) == (2, 1)
    assert (state.champion, state.challenger, state.traffic, state.rollout) == (1, None, {1: 1.0}, None)
    assert len(state.intervals) == 1


def test_a_newer_version_in_the_middle_of_a_rollout_takes_its_place(ledger: Ledger) -> None:
    champion(ledger, 1)
    for number in (2, 3):
        candidate(ledger, number)
        actions.start_rollout(ledger, MODEL, number, "os:ana", strategy="canary", share=0.1, steps=[0.1], needed=0)
    state = ledger.state(MODEL)
    assert (state.challenger, state.versions[2].state, state.traffic) == (3, "archived", {1: 0.9, 3: 0.1})
    with pytest.raises(Refused, match="version 3 is in the middle of a rollout"):
        actions.promote(ledger, MODEL, 2, "os:ana", needed=0)
    actions.promote(ledger, MODEL, None, "os:ana", needed=0)
    assert ledger.state(MODEL).champion == 3


def test_the_first_version_has_nothing_to_be_compared_with_and_goes_directly(ledger: Ledger) -> None:
    candidate(ledger, 1)
    with pytest.raises(Refused, match=r"no champion in dev to compare with.*mlops promote churn 1"):
        actions.start_rollout(ledger, MODEL, 1, "os:ana", strategy="canary", share=0.1, steps=[0.1], needed=0)


def test_of_two_who_promote_at_once_one_wins_and_the_other_is_told(opened: Opened) -> None:
    ledger, other = opened(), opened()
    champion(ledger, 1)
    candidate(ledger, 2)
    candidate(ledger, 3)
    barrier, answers = threading.Barrier(2), []

    def act(mine: Ledger, number: int) -> None:
        original = mine.append

        def slow(*arguments: object, **options: object) -> Event:
            barrier.wait()
            return original(*arguments, **options)  # type: ignore[arg-type]

        mine.append = slow  # type: ignore[method-assign]
        try:
            actions.promote(mine, MODEL, number, "os:ana", needed=0)
            answers.append("won")
        except Refused as refusal:
            answers.append(str(refusal))

    threads = [threading.Thread(target=act, args=pair) for pair in ((ledger, 2), (other, 3))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers, key=len)[0] == "won"
    assert "it was to replace version 1, but version" in max(answers, key=len)
    assert "Somebody was faster" in max(answers, key=len)
    assert len(ledger.state(MODEL).intervals) == 2


def test_promoting_the_champion_again_is_refused_with_what_is_possible(ledger: Ledger) -> None:
    champion(ledger, 1)
    with pytest.raises(Refused, match=r"is champion since .* It serves already"):
        actions.promote(ledger, MODEL, 1, "os:ana", needed=0)
    with pytest.raises(Refused, match="has no version 7 in dev"):
        actions.promote(ledger, MODEL, 7, "os:ana", needed=0)
    with pytest.raises(Refused, match="has no version that is candidate or approved"):
        actions.promote(ledger, MODEL, None, "os:ana", needed=0)


@pytest.mark.parametrize("status", ["fail", "inconclusive"])
def test_without_a_passing_verdict_nothing_is_registered_and_nothing_promoted(ledger: Ledger, status: str) -> None:
    with pytest.raises(Refused, match="has no verdict"):
        actions.register(ledger, MODEL, 1, "os:ana", digests=digests(1), verdict="verdict1")
    judge(ledger, 1, status)
    with pytest.raises(Refused, match=rf"is {status} \(beats_naive {status}\)"):
        actions.register(ledger, MODEL, 1, "os:ana", digests=digests(1), verdict="verdict1")
    assert ledger.state(MODEL).versions == {}
    candidate(ledger, 2)
    judge(ledger, 2, status, "verdict2b")
    assert ledger.state(MODEL).versions[2].state == "registered"
    with pytest.raises(Refused, match=f"Its verdict is {status}"):
        actions.promote(ledger, MODEL, 2, "os:ana", needed=0)
    actions.waive(ledger, MODEL, "os:bo", gates=["beats_naive"], reason="first model")
    assert actions.promote(ledger, MODEL, 2, "os:ana", needed=0).kind == "promoted"


def test_a_verdict_bound_to_other_digests_does_not_count(ledger: Ledger) -> None:
    judge(ledger, 1)
    with pytest.raises(Refused, match="bound to another data"):
        actions.register(ledger, MODEL, 1, "os:ana", digests=digests(1, data="other"), verdict="verdict1")
    candidate(ledger, 1)
    with pytest.raises(Refused, match="stale: it is bound to another spec"):
        actions.promote(ledger, MODEL, 1, "os:ana", needed=0, digests={**digests(1), "spec": "changed"})
    judge(ledger, 1, "pass", "verdict1b", digests=digests(1, data="newer"))
    with pytest.raises(Refused):
        actions.promote(ledger, MODEL, 1, "os:ana", needed=0)


def test_a_verdict_cannot_be_a_pass_while_a_gate_did_not_pass(ledger: Ledger) -> None:
    gates = [{"name": "beats_naive", "status": "inconclusive"}]
    with pytest.raises(Refused, match="cannot be a pass while beats_naive did not pass"):
        actions.record_verdict(ledger, MODEL, "os:ana", id="v", status="pass", digests=digests(1), gates=gates)


def test_registering_again_changes_nothing_and_another_bundle_needs_another_number(ledger: Ledger) -> None:
    first = candidate(ledger, 1)
    assert candidate(ledger, 1) == first
    judge(ledger, 2)
    with pytest.raises(Refused, match="churn 1 is registered since"):
        actions.register(ledger, MODEL, 1, "os:ana", digests=digests(2), verdict="verdict2")
    with pytest.raises(Refused, match="is registered as version 1"):
        actions.register(ledger, MODEL, 8, "os:ana", digests=digests(1), verdict="verdict1")


def test_a_model_that_is_older_than_the_champion_is_no_candidate(ledger: Ledger) -> None:
    candidate(ledger, 1, as_of="2026-03-01")
    actions.promote(ledger, MODEL, 1, "os:ana", needed=0)
    with pytest.raises(Refused, match="as of 2026-02-01, older than the champion 1 as of 2026-03-01"):
        candidate(ledger, 2, as_of="2026-02-01")


def test_a_bundle_moves_from_test_to_prod_by_digest_and_never_down_or_sideways(ledger: Ledger, tmp_path: Path) -> None:
    test = open_ledger(ledger.url, environment="test")
    prod = open_ledger(str(tmp_path / "prod.db"), environment="prod")
    candidate(test, 7)
    for target in (ledger, prod):
        events = actions.move(test, target, MODEL, 7, "os:ana", origin="test", environment="prod")
        assert [event.kind for event in events] == ["verdict", "registered"]
        moved = target.state(MODEL, "prod").versions[7]
        assert (moved.state, moved.digests) == ("candidate", digests(7))
        assert moved.source is not None
        assert moved.source["environment"] == "test"
        assert actions.move(test, target, MODEL, 7, "os:ana", origin="test", environment="prod") == []
    with pytest.raises(Refused, match="does not move from test to dev"):
        actions.move(test, ledger, MODEL, 7, "os:ana", origin="test", environment="dev")
    body = {"id": "v2", "status": "pass", "digests": digests(9), "gates": [], "environment": "dev", "sample": 1.0}
    with pytest.raises(Refused, match="given in dev, and this is prod"):
        ledger.append("verdict", MODEL, "os:ana", body, environment="prod")


def test_a_bundle_that_learned_from_a_sample_never_leaves_dev(ledger: Ledger) -> None:
    judge(ledger, 1, sample=0.1)
    actions.register(ledger, MODEL, 1, "os:ana", digests=digests(1), verdict="verdict1", sample=0.1)
    actions.promote(ledger, MODEL, 1, "os:ana", needed=0)
    with pytest.raises(Refused, match="learned from a sample of 10% of the data, and such a bundle never leaves dev"):
        actions.move(ledger, ledger, MODEL, 1, "os:ana", origin="dev", environment="prod")
    assert ledger.state(MODEL, "prod").versions == {}


def test_a_waiver_stays_in_the_environment_that_it_was_given_in(ledger: Ledger) -> None:
    judge(ledger, 1, "fail", environment="test")
    actions.waive(ledger, MODEL, "os:ana", gates=["beats_naive"], reason="first", environment="test")
    actions.register(ledger, MODEL, 1, "os:ana", digests=digests(1), verdict="verdict1", environment="test")
    with pytest.raises(Refused, match="beats_naive fail"):
        actions.move(ledger, ledger, MODEL, 1, "os:ana", origin="test", environment="prod")


def test_the_state_of_one_environment_says_nothing_of_another(ledger: Ledger) -> None:
    champion(ledger, 1)
    assert ledger.state(MODEL, "prod").versions == {}
    assert ledger.fold().models("dev") == [MODEL]


def test_retiring_one_version_leaves_the_champion_and_retiring_the_model_takes_it_out(ledger: Ledger) -> None:
    champion(ledger, 1)
    champion(ledger, 2)
    with pytest.raises(Refused, match="is champion"):
        actions.retire(ledger, MODEL, 2, "os:ana", reason="old")
    actions.retire(ledger, MODEL, 1, "os:ana", reason="old")
    with pytest.raises(Refused, match="no earlier champion"):
        actions.rollback(ledger, MODEL, "os:ana", reason="slow")
    candidate(ledger, 3)
    actions.start_rollout(ledger, MODEL, 3, "os:ana", strategy="canary", share=0.1, steps=[0.1], needed=0)
    gone = actions.retire(ledger, MODEL, None, "os:ana", reason="not needed")
    state = ledger.state(MODEL)
    assert [event.kind for event in gone] == ["archived", "archived", "retired", "retired"]
    assert {version.state for version in state.versions.values()} == {"retired"}
    assert (state.champion, state.challenger, state.traffic) == (None, None, {})
    assert state.intervals[-1].until == gone[1].time


def test_a_retraining_request_is_made_once_for_one_cause(ledger: Ledger) -> None:
    body = {"key": "1:drift:2026-w1", "trigger": "score_drift", "numbers": {"psi": 0.4}}
    ledger.append("retraining_requested", MODEL, "os:ana", body)
    with pytest.raises(Refused, match="One request is made for one cause"):
        ledger.append("retraining_requested", MODEL, "os:ana", body)


def test_folding_in_pieces_gives_the_same_as_folding_at_once_and_changes_no_earlier_state(ledger: Ledger) -> None:
    events = full_life(ledger)
    states = [EMPTY]
    for event in events:
        states.append(fold([event], states[-1]))
    assert states[-1] == fold(events) == ledger.fold()
    for length, state in enumerate(states):
        assert state == fold(events[:length])


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_any_cut_of_a_life_folds_to_the_same_state(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    events = _events(tmp_path_factory)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=5)))
    state: State = EMPTY
    for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
        state = fold(events[start:end], state)
    assert state == fold(events)


_KEPT: list[Event] = []


def _events(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    if not _KEPT:
        _KEPT.extend(full_life(open_ledger(str(tmp_path_factory.mktemp("life") / "ledger.db"))))
    return _KEPT


def test_a_life_is_plain_data_and_every_event_can_be_told(ledger: Ledger) -> None:
    import json

    events = full_life(ledger)
    assert json.loads(json.dumps(as_json(ledger.state(MODEL))))["champion"] == 2
    told = [tell(event) for event in events]
    assert "os:dev made churn 2 champion in place of 1: verdict verdict2, 0 approvals needed" in "\n".join(told)
    assert {event.kind for event in events} | {"approval_requested", "approved", "key_created", "key_revoked"} == set(KINDS)


def test_every_transition_is_between_states_that_some_transition_leads_to() -> None:
    assert {row.start for row in TRANSITIONS} - {None} <= set(STATES)
    assert set(STATES) == {
        "registered",
        "candidate",
        "approved",
        "challenger",
        "champion",
        "archived",
        "retired",
        "rejected",
        "rolled_back",
    }
    drawn = diagram()
    assert drawn.startswith("stateDiagram-v2\n    [*] --> registered")
    assert drawn.count("-->") == len(TRANSITIONS) + 1


def test_every_change_of_state_in_a_life_stands_in_the_table(ledger: Ledger) -> None:
    allowed = {(row.event, row.start, row.end) for row in TRANSITIONS}
    before: dict[int, str] = {}
    state: State = EMPTY
    for event in full_life(ledger):
        state = fold([event], state)
        after = {number: version.state for number, version in state.of(MODEL, "dev").versions.items()}
        for number in after:
            if event.kind == "registered" and before.get(number) is None:
                assert after[number] in ("registered", "candidate")
            elif before.get(number) != after[number]:
                assert (event.kind, before[number], after[number]) in allowed
        before = after


def test_a_version_keeps_the_approvals_that_it_went_live_with_through_rollout_and_rollback(tmp_path: Path) -> None:
    ledger = open_ledger(str(tmp_path / "ledger.db"), environment="prod")
    ann, bob = principal(ledger, "ann", "approver"), principal(ledger, "bob", "approver")
    for number in (1, 2):
        candidate(ledger, number)
        actions.request_approval(ledger, MODEL, number, "os:eve", needed=2)
        actions.approve(ledger, MODEL, number, ann)
        actions.approve(ledger, MODEL, number, bob)
        if number == 2:
            actions.start_rollout(ledger, MODEL, 2, "os:eve", strategy="canary", share=0.05, steps=[0.05], needed=2)
        event = actions.promote(ledger, MODEL, number, "os:eve", needed=2)
        assert event.body["approvers"] == ["ann", "bob"]
    actions.rollback(ledger, MODEL, "os:eve", reason="slow", needed=2)
    for version in ledger.state(MODEL).versions.values():
        assert [approval.by for approval in version.accepted] == ["ann", "bob"]
        assert version.approvals == ()


@pytest.mark.parametrize("named", [[], ["ann"], ["ann", "bob", "cy"], ["ann", "cy"]])
def test_a_promotion_that_names_others_than_who_approved_is_refused(tmp_path: Path, named: list[str]) -> None:
    ledger = open_ledger(str(tmp_path / "ledger.db"), environment="prod")
    candidate(ledger, 1)
    actions.request_approval(ledger, MODEL, 1, "os:eve", needed=2)
    for name in ("ann", "bob"):
        actions.approve(ledger, MODEL, 1, principal(ledger, name, "approver"))
    version = ledger.state(MODEL).versions[1]
    body = {"verdict": version.verdict, "digests": dict(version.digests), "needed": 2, "approvers": named}
    with pytest.raises(Refused, match="ann, bob approved"):
        ledger.append("promoted", MODEL, "os:eve", body, version=1)


@pytest.mark.parametrize("end", ["rejected", "retired"])
def test_what_ended_in_one_environment_does_not_move_to_the_next(tmp_path: Path, end: str) -> None:
    ledger = open_ledger(str(tmp_path / "ledger.db"), environment="test")
    candidate(ledger, 1)
    if end == "rejected":
        actions.reject(ledger, MODEL, 1, "os:eve", reason="unfair")
    else:
        actions.retire(ledger, MODEL, 1, "os:eve", reason="old")
    with pytest.raises(Refused, match=f"{end} in test"):
        actions.move(ledger, ledger, MODEL, 1, "os:eve", origin="test", environment="prod")
