"""Approvals: by distinct, known people, on exactly what they saw, for a time, and never by who asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mlops_assets.governance.principals import os_user, revoke_key
from mlops_assets.ledger import Refused, actions
from mlops_assets.ledger.actors import Actor
from mlops_assets.ledger.approvals import standing
from mlops_assets.ledger.verify import verify

NEEDED = 2


@pytest.fixture
def people(company: Any) -> dict[str, Actor]:
    found = {name: company.hire(name, "approver") for name in ("ana", "bo", "cy")}
    found["olga"] = company.hire("olga", "operator")
    company.candidate(1)
    return found


def ask(company: Any, who: Actor, number: int = 1, **options: Any) -> Any:
    return actions.request_approval(company.ledger, "churn", number, who, needed=NEEDED, **options)


def approve(company: Any, who: Actor, number: int = 1, **options: Any) -> Any:
    return actions.approve(company.ledger, "churn", number, who, **options)


def promote(company: Any, who: Actor, number: int = 1) -> Any:
    return actions.promote(company.ledger, "churn", number, who, needed=NEEDED)


def test_two_distinct_approvers_who_did_not_ask_make_a_champion_possible(company: Any, people: dict[str, Actor]) -> None:
    with pytest.raises(Refused, match=r"^0 of 2 approvals for churn 1 in prod\. Ask for them"):
        promote(company, people["olga"])
    ask(company, people["ana"])
    with pytest.raises(Refused, match="ana asked for it, and nobody approves their own request"):
        approve(company, people["ana"])
    approve(company, people["bo"], comment="margins look right")
    with pytest.raises(Refused, match="bo has approved it already"):
        approve(company, people["bo"])
    with pytest.raises(Refused, match=r"1 of 2 approvals for churn 1 in prod.*Given: bo"):
        promote(company, people["olga"])
    approve(company, people["cy"])
    assert company.ledger.state("churn").versions[1].state == "approved"
    event = promote(company, people["olga"])
    assert event.body["approvers"] == ["bo", "cy"]
    assert event.body["digests"] == company.digests(1)
    assert event.body["key"] == people["olga"].key
    assert company.ledger.state("churn").champion == 1
    assert verify(company.ledger).status == "pass"


def test_an_approval_without_a_request_is_refused(company: Any, people: dict[str, Actor]) -> None:
    with pytest.raises(Refused, match="nobody has asked for its approval"):
        approve(company, people["ana"])


def test_only_a_known_approver_within_scope_approves(company: Any, people: dict[str, Actor]) -> None:
    ask(company, people["olga"])
    elsewhere = company.hire("eli", "approver", scopes=["test/*", "prod/fraud"])
    for who, why in (
        (os_user(), "is not proven by a key"),
        (Actor("ana"), "is not proven by a key"),
        (Actor("bo", frozenset({"approver"}), ("*/*",), people["ana"].key), "is not proven by a key"),
        (company.hire("vic", "viewer", "caller"), "is viewer, caller"),
        (elsewhere, "not approver for prod/churn"),
    ):
        with pytest.raises(Refused, match=why):
            approve(company, who)
    assert company.ledger.state("churn").versions[1].approvals == ()


def test_a_key_that_was_revoked_after_it_was_presented_approves_nothing(company: Any, people: dict[str, Actor]) -> None:
    ask(company, people["olga"])
    revoke_key(company.ledger, os_user(), "ana")
    with pytest.raises(Refused, match="of ana was revoked at"):
        approve(company, people["ana"])


def test_an_operating_system_user_does_not_approve_their_own_request_under_their_principals_name(company: Any) -> None:
    company.candidate(1)
    ana = company.hire("ana", "approver")
    ask(company, Actor("os:ana"))
    with pytest.raises(Refused, match="nobody approves their own request"):
        approve(company, ana)


def test_once_there_is_an_operator_others_neither_ask_nor_promote_nor_roll_back(company: Any, people: dict[str, Actor]) -> None:
    with pytest.raises(Refused, match="is not proven by a key"):
        ask(company, os_user())
    ask(company, people["ana"])
    approve(company, people["bo"])
    approve(company, people["cy"])
    for who in (os_user(), people["bo"]):
        with pytest.raises(Refused, match=r"is not proven by a key|not operator"):
            promote(company, who)
    promote(company, people["olga"])
    with pytest.raises(Refused):
        actions.retire(company.ledger, "churn", None, people["bo"], reason="-", needed=NEEDED)


def test_a_request_expires_with_the_approvals_that_it_got(company: Any, people: dict[str, Actor], monkeypatch: pytest.MonkeyPatch) -> None:
    ask(company, people["olga"], valid_for=timedelta(days=2))
    approve(company, people["ana"])
    approve(company, people["bo"])
    later = company.ledger.now() + timedelta(days=3)
    monkeypatch.setattr(company.ledger, "now", lambda: later)
    with pytest.raises(Refused, match=r"0 of 2 approvals \(the request of .* expired at"):
        promote(company, people["olga"])
    with pytest.raises(Refused, match="expired at"):
        approve(company, people["cy"])
    ask(company, people["olga"])
    assert company.ledger.state("churn").versions[1].approvals == ()
    approve(company, people["ana"])
    approve(company, people["cy"])
    assert promote(company, people["olga"]).kind == "promoted"
    assert verify(company.ledger).status == "pass"


def test_approvals_lapse_when_a_newer_verdict_arrives(company: Any, people: dict[str, Actor]) -> None:
    ask(company, people["olga"])
    approve(company, people["ana"])
    approve(company, people["bo"])
    company.judge(1, "pass", "verdict1-again")
    version = company.ledger.state("churn").versions[1]
    assert (version.state, version.approvals, version.request) == ("candidate", (), None)
    with pytest.raises(Refused, match="0 of 2 approvals"):
        promote(company, people["olga"])


def test_who_approves_something_else_than_what_is_there_now_is_told(company: Any, people: dict[str, Actor]) -> None:
    company.judge(1, "pass", "verdict1-again")
    ask(company, people["olga"])
    with pytest.raises(Refused, match="changed since it was looked at"):
        approve(company, people["ana"], verdict="verdict1")


def test_approvals_do_not_survive_a_rollback(company: Any, people: dict[str, Actor]) -> None:
    for number in (1, 2):
        if number == 2:
            company.candidate(2)
        ask(company, people["olga"], number)
        approve(company, people["ana"], number)
        approve(company, people["bo"], number)
        promote(company, people["olga"], number)
    actions.rollback(company.ledger, "churn", people["olga"], reason="slow", needed=NEEDED)
    with pytest.raises(Refused, match="0 of 2 approvals for churn 2"):
        promote(company, people["olga"], 2)


def test_a_rejection_is_final_and_by_an_approver(company: Any, people: dict[str, Actor]) -> None:
    with pytest.raises(Refused, match="not approver"):
        actions.reject(company.ledger, "churn", 1, people["olga"], reason="no", needed=NEEDED)
    actions.reject(company.ledger, "churn", 1, people["ana"], reason="unfair to new customers", needed=NEEDED)
    for act in (lambda: ask(company, people["olga"]), lambda: promote(company, people["olga"])):
        with pytest.raises(Refused, match="A rejection is final for this version"):
            act()


def test_a_waiver_is_by_an_approver_names_gates_that_did_not_pass_and_a_reason(company: Any, people: dict[str, Actor]) -> None:
    company.judge(2, "inconclusive")

    def waive(who: Actor, gates: list[str], reason: str) -> Any:
        return actions.waive(company.ledger, "churn", who, gates=gates, reason=reason, needed=NEEDED)

    for who, gates, reason, why in (
        (people["olga"], ["calibration"], "small market", "not approver"),
        (people["ana"], ["leakage"], "small market", "no gate of verdict verdict2 that did not pass"),
        (people["ana"], ["calibration"], " ", "names its gates and a reason"),
        (people["ana"], [], "small market", "names its gates and a reason"),
    ):
        with pytest.raises(Refused, match=why):
            waive(who, gates, reason)
    waive(people["ana"], ["calibration"], "small market")
    actions.register(company.ledger, "churn", 2, "dagster", digests=company.digests(2), verdict="verdict2")
    state = company.ledger.state("churn")
    assert state.versions[2].state == "candidate"
    assert [(waiver.by, waiver.gates, waiver.reason) for waiver in state.waivers] == [("ana", ("calibration",), "small market")]


def test_where_nobody_must_approve_the_operating_systems_user_decides(company: Any) -> None:
    company.candidate(1)
    event = actions.promote(company.ledger, "churn", None, os_user(), needed=0)
    assert event.actor.startswith("os:")
    stand = standing(company.ledger.state("churn").versions[1], 0, company.ledger.now())
    assert stand.enough
