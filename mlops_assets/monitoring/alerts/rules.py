"""A rule's state as a pure function of its evidence, its state before and the time.

``inactive`` -> ``pending`` while the bound is crossed for less than the rule's ``for`` -> ``firing`` -> ``inactive`` again, which is
told as ``resolved``. Inconclusive evidence changes no state: it neither starts nor ends an alert. What a rule asks for is given as plain
data; who carries it out decides on its own evidence: a rollback needs a minimum of samples and a bound that is crossed with certainty,
and retraining is a question to the policy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.monitoring.alerts.evidence import Evidence, breach

if TYPE_CHECKING:
    from mlops_assets.spec.monitor import Alert

Phase = Literal["inactive", "pending", "firing"]
Transition = Literal["pending", "firing", "resolved"]
Action = Literal["rollback", "retrain", "open_incident", "close_incident"]

ROLLBACK_SAMPLES = 30
"""A rollback rests on at least this many samples, whatever less the rule asks for."""
REMEMBERED = 50


@dataclass(frozen=True)
class AlertState:
    """What is remembered of a rule between evaluations.

    Attributes:
        phase: inactive, pending or firing.
        since: when the bound was crossed first, ISO 8601 UTC; ``fired`` when it began to fire.
        evaluated: the last evaluation.
        value, n: of the last conclusive evidence.
        acted: whether the rollback or incident of this firing was asked for already.
        asked: windows on which retraining was asked for.
        told: channels that took the message of this firing; the others are tried again at every evaluation.
    """

    phase: Phase = "inactive"
    since: str | None = None
    fired: str | None = None
    evaluated: str | None = None
    value: float | None = None
    n: int = 0
    acted: bool = False
    asked: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "asked": list(self.asked), "told": list(self.told)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any] | None) -> AlertState:
        """Inverse of :meth:`to_json`; nothing gives the first state."""
        if body is None:
            return cls()
        known = {name: body[name] for name in cls.__dataclass_fields__ if name in body}
        return cls(**{**known, "asked": tuple(body.get("asked", ())), "told": tuple(body.get("told", ()))})


@dataclass(frozen=True)
class Intention:
    """Something that an alert asks for.

    Attributes:
        action: rollback, retrain (ask the policy), open_incident or close_incident.
        key: the same for the same firing (for retrain: and window), so that it is carried out once.
        withheld: why it must not be carried out yet; None: go on.
        numbers: what it rests on.
    """

    action: Action
    key: str
    withheld: str | None
    numbers: Mapping[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """What one evaluation of a rule gave.

    Attributes:
        fingerprint: of model, environment and rule: what is deduplicated by.
        title: the rule in words.
        state: to remember.
        transition: what changed; None: nothing.
        notify: channels to tell; empty where nobody must be told now.
        intentions: what the alert asks for.
        evidence: what it saw.
        text: one line: what it saw and what came of it.
    """

    fingerprint: str
    title: str
    state: AlertState
    transition: Transition | None
    notify: tuple[str, ...]
    intentions: tuple[Intention, ...]
    evidence: Evidence
    text: str


def fingerprint(model: str, environment: str, rule: Alert) -> str:
    """Identifies a rule of a model; another bound or window is another rule."""
    body = json.dumps([model, environment, rule.model_dump(mode="json")], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def title_of(rule: Alert) -> str:
    """The rule in words: ``error_rate above 0.05 over 10m``."""
    bound = f"above {rule.above:g}" if isinstance(rule.above, float | int) else f"below {rule.below:g}"
    aggregate = f"{rule.aggregate} of " if rule.aggregate else ""
    over = f" over {rule.over}" if rule.over is not None else ""
    held = f" for {rule.for_}" if rule.for_ is not None else ""
    return f"{aggregate}{rule.metric} {bound}{over}{held}"


def evaluate(rule: Alert, evidence: Evidence, previous: AlertState, now: datetime, *, model: str, environment: str) -> Evaluation:
    """Evaluate a rule at ``now`` (UTC). Evaluating again with the same input gives the same answer.

    A clock that went back changes nothing: the rule waits until the time of its last evaluation is reached again.
    """
    mark, title, crossed = fingerprint(model, environment, rule), title_of(rule), breach(rule, evidence)
    at = now.isoformat()

    def unchanged(why: str) -> Evaluation:
        return Evaluation(mark, title, previous, None, _untold(rule, previous), (), evidence, f"{title}: {previous.phase}; {why}")

    if previous.evaluated is not None and now < datetime.fromisoformat(previous.evaluated):
        return unchanged(f"the clock went back behind {previous.evaluated}")
    if crossed is None:
        return unchanged(f"inconclusive: {_why(rule, evidence)}")
    state = replace(previous, evaluated=at, value=evidence.value, n=evidence.n)
    saw = f"{evidence.value:.4g} (n = {evidence.n})"
    if not crossed:
        ended = AlertState(evaluated=at, value=evidence.value, n=evidence.n)
        if previous.phase != "firing":
            return Evaluation(mark, title, ended, None, (), (), evidence, f"{title}: inactive; {saw}")
        closing = (_intention("close_incident", mark, previous, evidence, None),) if rule.do == "incident" and previous.acted else ()
        return Evaluation(mark, title, ended, "resolved", previous.told, closing, evidence, f"{title}: resolved; {saw}")
    since = previous.since or at
    state = replace(state, since=since)
    if previous.phase != "firing" and rule.for_ is not None and _reaches(since, rule, now):
        transition: Transition | None = "pending" if previous.phase == "inactive" else None
        waiting = replace(state, phase="pending")
        return Evaluation(mark, title, waiting, transition, (), (), evidence, f"{title}: pending since {since}; {saw}")
    transition = None if previous.phase == "firing" else "firing"
    state = replace(state, phase="firing", fired=previous.fired if previous.phase == "firing" else at)
    state, intentions = _asked_for(rule, evidence, state, mark)
    text = f"{title}: firing since {state.since}; {saw}"
    text += "".join(f"; {i.action} {'withheld: ' + i.withheld if i.withheld else 'asked for'}" for i in intentions)
    return Evaluation(mark, title, state, transition, _untold(rule, state), intentions, evidence, text)


def told(evaluation: Evaluation, channels: Iterable[str]) -> AlertState:
    """The state to remember after ``channels`` took the message."""
    if evaluation.state.phase != "firing":
        return evaluation.state
    return replace(evaluation.state, told=tuple(sorted({*evaluation.state.told, *channels})))


def _untold(rule: Alert, state: AlertState) -> tuple[str, ...]:
    return tuple(name for name in rule.notify if name not in state.told) if state.phase == "firing" else ()


def _reaches(since: str, rule: Alert, now: datetime) -> bool:
    """Whether the rule's ``for`` has not passed yet."""
    assert rule.for_ is not None
    return now < rule.for_.after(datetime.fromisoformat(since))


def _why(rule: Alert, evidence: Evidence) -> str:
    if evidence.detail:
        return evidence.detail
    if evidence.value is None:
        return "there is no value"
    return f"{evidence.n} samples, {rule.min_samples} are needed"


def _asked_for(rule: Alert, evidence: Evidence, state: AlertState, mark: str) -> tuple[AlertState, tuple[Intention, ...]]:
    if rule.do == "rollback" and not state.acted:
        withheld = _not_enough(rule, evidence)
        return replace(state, acted=withheld is None), (_intention("rollback", mark, state, evidence, withheld),)
    if rule.do == "incident" and not state.acted:
        return replace(state, acted=True), (_intention("open_incident", mark, state, evidence, None),)
    if rule.do == "retrain" and evidence.window not in state.asked:
        asked = (*state.asked, evidence.window)[-REMEMBERED:]
        return replace(state, asked=asked), (_intention("retrain", mark, state, evidence, None),)
    return state, ()


def _not_enough(rule: Alert, evidence: Evidence) -> str | None:
    """Why the evidence does not carry a rollback."""
    needed = max(rule.min_samples, ROLLBACK_SAMPLES)
    if evidence.n < needed:
        return f"{evidence.n} samples, a rollback needs {needed}"
    if rule.above is not None:
        if evidence.low is None or evidence.low <= float(rule.above):
            return f"its lower bound {_shown(evidence.low)} is not above {rule.above:g}"
        return None
    assert rule.below is not None
    if evidence.high is None or evidence.high >= float(rule.below):
        return f"its upper bound {_shown(evidence.high)} is not below {rule.below:g}"
    return None


def _shown(bound: float | None) -> str:
    return "is unknown and" if bound is None else f"{bound:.4g}"


def _intention(action: Action, mark: str, state: AlertState, evidence: Evidence, withheld: str | None) -> Intention:
    key = f"{action}:{mark}:{evidence.window if action == 'retrain' else state.since}"
    numbers = {"value": evidence.value, "n": evidence.n, "low": evidence.low, "high": evidence.high, "window": evidence.window}
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return Intention(action, digest, withheld, {name: value for name, value in numbers.items() if value is not None})
