"""Random lives of versions against a reference model that is as simple as it can be said."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mlops_assets.ledger import Refused, actions, fold, open_ledger
from mlops_assets.ledger.verify import verify

from .lives import MODEL, digests, judge, principal

NEEDED = 2
APPROVERS = ("ana", "bo", "cy")
PEOPLE = (*APPROVERS, "olga")
numbers = st.integers(1, 4)


@dataclass
class Version:
    """The reference: a state, whether its evidence stands, who asked, who approved."""

    state: str
    evidence: bool = True
    requester: str | None = None
    approvals: set[str] = field(default_factory=set)

    def move(self, state: str) -> None:
        self.state, self.requester, self.approvals = state, None, set()


class Lives(RuleBasedStateMachine):
    """Propose, judge again, waive, ask, approve, reject, promote, roll back, retire, crash and reopen, by several principals."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mlops-machine-"))
        self.open()
        self.who = {name: principal(self.ledger, name, "approver") for name in APPROVERS}
        self.who["olga"] = principal(self.ledger, "olga", "operator")
        self.versions: dict[int, Version] = {}
        self.champions: list[int] = []
        self.reigns: list[int] = []
        self.verdicts = 0

    def open(self) -> None:
        self.ledger = open_ledger(str(self.folder / "ledger.db"), environment="prod", checkpoints=self.folder / "checkpoints")
        with self.ledger.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA synchronous=OFF")

    def attempt(self, allowed: bool, act: object) -> bool:
        """Whether it was done; it must be exactly when the reference allows it."""
        try:
            act()  # type: ignore[operator]
        except Refused:
            assert not allowed, "the ledger refused what the reference allows"
            return False
        assert allowed, "the ledger did what the reference refuses"
        return True

    @rule(number=numbers, passed=st.booleans())
    def propose(self, number: int, passed: bool) -> None:
        if number in self.versions:
            return
        self.verdicts += 1
        verdict = judge(self.ledger, number, "pass" if passed else "inconclusive", f"verdict-{self.verdicts}")
        register = lambda: actions.register(self.ledger, MODEL, number, "dagster", digests=digests(number), verdict=verdict)  # noqa: E731
        if self.attempt(passed, register):
            self.versions[number] = Version("candidate")

    @rule(number=numbers, status=st.sampled_from(["pass", "fail", "inconclusive"]))
    def judge_again(self, number: int, status: str) -> None:
        if number not in self.versions:
            return
        self.verdicts += 1
        judge(self.ledger, number, status, f"verdict-{self.verdicts}")
        version = self.versions[number]
        version.evidence = status == "pass"
        state = (
            ("candidate" if version.evidence else "registered")
            if version.state in ("registered", "candidate", "approved")
            else version.state
        )
        version.move(state)

    @rule(number=numbers, person=st.sampled_from(PEOPLE))
    def waive(self, number: int, person: str) -> None:
        if number not in self.versions:
            return
        version = self.versions[number]
        verdict = self.ledger.state(MODEL).versions[number].verdict
        waive = lambda: actions.waive(  # noqa: E731
            self.ledger, MODEL, self.who[person], gates=["beats_naive"], reason="known", verdict=verdict, needed=NEEDED
        )
        failed = self.ledger.state(MODEL).verdicts[verdict].status != "pass"
        if self.attempt(failed and person in APPROVERS, waive):
            version.evidence = True
            if version.state == "registered":
                version.state = "candidate"

    @rule(number=numbers, person=st.sampled_from(PEOPLE))
    def ask(self, number: int, person: str) -> None:
        version = self.versions.get(number)
        able = version is not None and version.state in ("candidate", "approved", "archived", "rolled_back")
        allowed = able and version is not None and version.evidence and version.requester is None
        ask = lambda: actions.request_approval(self.ledger, MODEL, number, self.who[person], needed=NEEDED)  # noqa: E731
        if self.attempt(allowed, ask) and version is not None:
            version.requester = person

    @rule(number=numbers, person=st.sampled_from(PEOPLE))
    def approve(self, number: int, person: str) -> None:
        version = self.versions.get(number)
        allowed = (
            version is not None
            and version.state in ("candidate", "approved", "archived", "rolled_back")
            and version.evidence
            and version.requester not in (None, person)
            and person in APPROVERS
            and person not in version.approvals
        )
        if self.attempt(allowed, lambda: actions.approve(self.ledger, MODEL, number, self.who[person])) and version is not None:
            version.approvals.add(person)
            if version.state == "candidate" and len(version.approvals) >= NEEDED:
                version.state = "approved"

    @rule(number=numbers, person=st.sampled_from(PEOPLE))
    def reject(self, number: int, person: str) -> None:
        version = self.versions.get(number)
        allowed = version is not None and version.state in ("registered", "candidate", "approved") and person in APPROVERS
        reject = lambda: actions.reject(self.ledger, MODEL, number, self.who[person], reason="no", needed=NEEDED)  # noqa: E731
        if self.attempt(allowed, reject) and version is not None:
            version.move("rejected")

    @rule(number=numbers, person=st.sampled_from(PEOPLE))
    def promote(self, number: int, person: str) -> None:
        version = self.versions.get(number)
        allowed = (
            version is not None
            and version.state in ("candidate", "approved", "archived", "rolled_back")
            and version.evidence
            and len(version.approvals) >= NEEDED
            and person == "olga"
        )
        if self.attempt(allowed, lambda: actions.promote(self.ledger, MODEL, number, self.who[person], needed=NEEDED)):
            if self.champions:
                self.versions[self.champions[-1]].move("archived")
            self.champions = [other for other in self.champions if other != number] + [number]
            self.reigns.append(number)
            self.versions[number].move("champion")

    @rule(person=st.sampled_from(PEOPLE))
    def roll_back(self, person: str) -> None:
        allowed = len(self.champions) > 1 and person == "olga"
        if self.attempt(allowed, lambda: actions.rollback(self.ledger, MODEL, self.who[person], reason="slow", needed=NEEDED)):
            self.versions[self.champions.pop()].move("rolled_back")
            self.versions[self.champions[-1]].move("champion")
            self.reigns.append(self.champions[-1])

    @rule(number=numbers, person=st.sampled_from(PEOPLE))
    def retire(self, number: int, person: str) -> None:
        version = self.versions.get(number)
        allowed = version is not None and version.state not in ("champion", "retired") and person == "olga"
        retire = lambda: actions.retire(self.ledger, MODEL, number, self.who[person], reason="old", needed=NEEDED)  # noqa: E731
        if self.attempt(allowed, retire) and version is not None:
            version.move("retired")
            self.champions = [other for other in self.champions if other != number]

    @rule(number=numbers)
    def carry_through(self, number: int) -> None:
        """The whole road at once, which chance alone would rarely take."""
        self.propose(number, True)
        self.ask(number, "olga")
        self.approve(number, "ana")
        self.approve(number, "bo")
        self.promote(number, "olga")

    @rule()
    def crash_and_reopen(self) -> None:
        self.ledger.close()
        self.open()

    @precondition(lambda self: hasattr(self, "ledger"))
    @invariant()
    def the_fold_equals_the_reference(self) -> None:
        state = self.ledger.state(MODEL)
        assert {number: version.state for number, version in state.versions.items()} == {n: v.state for n, v in self.versions.items()}
        assert state.champion == (self.champions[-1] if self.champions else None)
        assert list(state.predecessors) == self.champions[:-1]
        assert [interval.version for interval in state.intervals] == self.reigns
        for number, version in self.versions.items():
            assert {approval.by for approval in state.versions[number].approvals} == version.approvals
        assert state.traffic == ({state.champion: 1.0} if state.champion else {})
        for one, other in zip(state.intervals, state.intervals[1:], strict=False):
            assert one.until == other.since
        assert all(interval.until is not None for interval in state.intervals[:-1])

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            assert fold(self.ledger.events()) == self.ledger.fold()
            assert verify(self.ledger).status == "pass"
            self.ledger.close()
            shutil.rmtree(self.folder)


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
