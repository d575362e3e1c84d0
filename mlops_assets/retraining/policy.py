"""Whether a model should be trained again, as a pure function of its policy, its history and the time.

Triggers look at the windows of the champion that serves now. A trigger fires when enough of the newest windows confirm it; a window
whose evidence is inconclusive never confirms. What fired is then held back by a request that was made already, one in flight, the
cooldown and the budget. The same history gives the same decision under the same key, so a sensor that is killed, runs twice or slept for
days asks once.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.retraining.history import Answer, Ask, Champion, History, Measured, Window
from mlops_assets.retraining.schedule import last_due
from mlops_assets.spec.metrics import BOUNDED, SIGNED

if TYPE_CHECKING:
    from mlops_assets.spec.durations import Duration
    from mlops_assets.spec.retrain import Retrain, Trigger

Numbers = Mapping[str, float | int | str | bool | None]
Truth = Literal["hit", "miss", "unknown"]


@dataclass(frozen=True)
class Reason:
    """One thing that the decision rests on.

    Attributes:
        name: of the trigger (``performance``, ``age``, …) or of what held it back (``in_flight``, ``no_new_data``, ``requested``,
            ``cooldown``, ``budget``).
        found: hit, miss or unknown for a trigger; ``held`` for what held back.
        text: with the numbers, for people.
        numbers: the same for programs.
    """

    name: str
    found: Truth | Literal["held"]
    text: str
    numbers: Numbers = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """The answer, and why.

    Attributes:
        answer: ``yes`` asks for a retraining; ``no``; ``inconclusive`` where evidence that might have said yes was too thin.
        fired: whether a trigger fired, also where something held it back.
        trigger: names of the triggers that fired, joined by ``+``; ``none``.
        window: key of the newest window that was looked at, or the time of the schedule; None where there was none.
        key: the same for every decision on that champion, trigger and window; what a request is deduplicated by. None without a window.
        version: of the champion; None where there is none.
        reasons: everything that was looked at.
        numbers: of all reasons, flat, as a ledger event keeps them.
    """

    answer: Answer
    fired: bool
    trigger: str
    window: str | None
    key: str | None
    version: int | None
    reasons: tuple[Reason, ...]
    numbers: Numbers

    @property
    def held_back(self) -> bool:
        """A trigger fired and nothing was asked for: an event of its own."""
        return self.fired and self.answer == "no"

    @property
    def text(self) -> str:
        """One line for a sensor's tick."""
        return f"{self.answer}: " + "; ".join(reason.text for reason in self.reasons)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "answer": self.answer,
            "fired": self.fired,
            "trigger": self.trigger,
            "window": self.window,
            "key": self.key,
            "version": self.version,
            "reasons": [{"name": r.name, "found": r.found, "text": r.text, "numbers": dict(r.numbers)} for r in self.reasons],
            "numbers": dict(self.numbers),
        }


def decide(policy: Retrain | None, history: History, now: datetime) -> Decision:
    """Decide at ``now`` (UTC).

    Args:
        policy: the model's; None has no triggers, and an alert's ask is then left to a person.
        history: what happened; windows and requests later than ``now`` are not looked at.
        now: the time; only cooldown, budget and schedule read it.
    """
    champion = history.champion
    if champion is None:
        return _decision("no", None, None, (), (Reason("champion", "miss", "no version serves; the first one is trained by hand"),))
    windows = sorted((w for w in history.windows if w.version == champion.version and w.end <= now), key=lambda w: (w.end, w.key))
    newest = windows[-1].key if windows else None
    if policy is None:
        asked = tuple(Reason("alert", "hit", f"{ask.alert} asks; the model has no retraining policy") for ask in history.asks[-1:])
        nothing = Reason("policy", "miss", "no retraining policy: only by hand")
        return _decision("no", champion, newest, (), (*asked, nothing))
    reasons, truth = _triggers(policy, history, champion, windows, now)
    due, tick = _scheduled(policy, history, champion, now)
    if due is not None:
        reasons = (*reasons, due)
        truth = _either(truth, due.found)
    alert = _alert(policy, history, windows)
    if alert is not None:
        reasons = (*reasons, alert)
        truth = _either(truth, alert.found)
    fired = tuple(reason.name for reason in reasons if reason.found == "hit") if truth == "hit" else ()
    window = tick if fired == ("schedule",) else (newest or tick or _day(history))
    if truth != "hit":
        return _decision("inconclusive" if truth == "unknown" else "no", champion, window, (), reasons)
    held = _held(policy, history, champion, window, now)
    if held is not None:
        return _decision("no", champion, window, fired, (*reasons, held))
    return _decision("yes", champion, window, fired, reasons)


def decision_key(version: int, trigger: str, window: str) -> str:
    """What identifies a request: the same champion, trigger and window ask once."""
    body = json.dumps([version, trigger, window], separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()[:32]


def worsening(champion: Champion, found: Measured) -> tuple[float, float | None]:
    """How far a measured metric is worse than at the gate (negative: better), and the lower bound of that at 95 %.

    The bound takes in the noise of both numbers, as that of a difference of independent estimates; None where one has no interval.
    """
    assert found.value is not None
    assert champion.gate.value is not None
    gate, value = champion.gate.value, found.value
    if champion.metric in SIGNED:
        gate, value = abs(gate), abs(value)
    worse = gate - value if champion.greater_is_better else value - gate
    if found.half is None or champion.gate.half is None:
        return worse, None
    return worse, worse - math.hypot(found.half, champion.gate.half)


def _triggers(
    policy: Retrain, history: History, champion: Champion, windows: Sequence[Window], now: datetime
) -> tuple[tuple[Reason, ...], Truth]:
    if policy.when is None:
        return (), "miss"
    every = bool(policy.when.all)
    reasons = tuple(_trigger(trigger, policy, history, champion, windows) for trigger in (policy.when.all or policy.when.any))
    found = {reason.found for reason in reasons}
    if every:
        return reasons, "miss" if "miss" in found else "unknown" if "unknown" in found else "hit"
    return reasons, "hit" if "hit" in found else "unknown" if "unknown" in found else "miss"


def _either(a: Truth, b: str) -> Truth:
    return "hit" if "hit" in (a, b) else "unknown" if "unknown" in (a, b) else "miss"


def _trigger(trigger: Trigger, policy: Retrain, history: History, champion: Champion, windows: Sequence[Window]) -> Reason:
    if trigger.age is not None:
        return _age(trigger.age, history, champion)
    name = next(n for n in ("performance", "estimated_performance", "score_drift") if getattr(trigger, n) is not None)
    looked = windows[-policy.confirm.of :]
    found: list[tuple[Truth, str, Numbers]] = []
    for window in looked:
        if trigger.performance is not None:
            found.append(_fallen(champion, window.performance, trigger.performance.drop))
        elif trigger.estimated_performance is not None:
            found.append(_fallen(champion, window.estimated, trigger.estimated_performance.drop))
        else:
            assert trigger.score_drift is not None
            found.append(_moved(window.score_psi, trigger.score_drift.psi))
    return _confirmed(name, found, policy, f"{name} of {champion.metric}" if name != "score_drift" else name)


def _confirmed(name: str, found: Sequence[tuple[Truth, str, Numbers]], policy: Retrain, title: str) -> Reason:
    confirm = policy.confirm
    hits, unknown = (sum(truth == wanted for truth, _, _ in found) for wanted in ("hit", "unknown"))
    truth: Truth = "hit" if hits >= confirm.hits else "unknown" if hits + unknown >= confirm.hits or not found else "miss"
    newest = found[-1] if found else ("unknown", "no window yet", {})
    thin = f", {unknown} inconclusive" if unknown else ""
    text = f"{title}: {newest[1]}; {hits} of {len(found)} windows{thin}, {confirm.hits} of {confirm.of} are needed"
    numbers = {f"{name}_{key}": value for key, value in newest[2].items()}
    return Reason(name, truth, text, {**numbers, f"{name}_hits": hits, f"{name}_windows": len(found), f"{name}_inconclusive": unknown})


def _fallen(champion: Champion, found: Measured | None, drop: float) -> tuple[Truth, str, Numbers]:
    if found is None or found.value is None or not math.isfinite(found.value):
        return "unknown", (found.detail if found and found.detail else "not measured"), {"n": found.n if found else 0}
    stands_in = found.metric is not None and found.metric != champion.metric
    gate = found.gate if stands_in else champion.gate.value
    if gate is None:
        return "unknown", "the value at the gate is not known", {"value": found.value, "n": found.n}
    if stands_in:
        if found.worse is None:
            return "unknown", found.detail or "not compared", {"value": found.value, "n": found.n}
        worse, low = found.worse, found.worse_low
        drop = drop if found.metric in BOUNDED else drop * abs(gate)
    else:
        worse, low = worsening(champion, found)
    numbers: Numbers = {"value": found.value, "gate": gate, "drop": worse, "limit": drop, "n": found.n}
    text = f"{found.metric} " if stands_in else ""
    text += f"{found.value:.4g} against {gate:.4g} at the gate, worse by {worse:.4g} (limit {drop:g}, n = {found.n})"
    if not found.conclusive:
        return "unknown", f"{text}: {found.detail or 'inconclusive'}", numbers
    if worse < drop:
        return "miss", text, numbers
    if low is None or low <= 0:
        return "unknown", f"{text}, which may be chance", numbers
    return "hit", text, numbers


def _moved(found: Measured | None, limit: float) -> tuple[Truth, str, Numbers]:
    if found is None or found.value is None or not math.isfinite(found.value):
        return "unknown", (found.detail if found and found.detail else "not measured"), {"n": found.n if found else 0}
    numbers: Numbers = {"value": found.value, "limit": limit, "n": found.n}
    text = f"PSI {found.value:.3g} (limit {limit:g}, n = {found.n})"
    if not found.conclusive:
        return "unknown", f"{text}: {found.detail or 'inconclusive'}", numbers
    if found.value < limit:
        return "miss", text, numbers
    return ("hit", text, numbers) if found.significant else ("unknown", f"{text}, which may be chance", numbers)


def _age(limit: Duration, history: History, champion: Champion) -> Reason:
    until, trained = history.data_until, champion.trained_until
    if until is None or trained is None:
        return Reason("age", "unknown", "age: it is not known how far data or training reach")
    days = (until - trained) / timedelta(days=1)
    found: Truth = "hit" if until >= limit.after(trained) else "miss"
    numbers: Numbers = {"age_days": round(days, 3), "age_limit": str(limit)}
    text = f"learned up to {days:.1f} days before the newest data" if days > 0 else "learned up to the newest data"
    return Reason("age", found, f"age: {text} (limit {limit})", numbers)


def _scheduled(policy: Retrain, history: History, champion: Champion, now: datetime) -> tuple[Reason | None, str | None]:
    if policy.schedule is None:
        return None, None
    tick = last_due(policy.schedule, now)
    if tick is None:
        return Reason("schedule", "miss", f"schedule {policy.schedule!r} is never due"), None
    made = max([request.at for request in history.requests if request.at <= now], default=champion.since)
    at = tick.isoformat()
    if tick <= max(made, champion.since):
        return Reason("schedule", "miss", f"schedule {policy.schedule!r}: not due since the last training"), at
    return Reason("schedule", "hit", f"schedule {policy.schedule!r} was due at {at}", {"schedule_due": at}), at


def _alert(policy: Retrain, history: History, windows: Sequence[Window]) -> Reason | None:
    """Alerts that asked since the oldest window that confirmation looks at."""
    looked = windows[-policy.confirm.of :]
    asked: dict[str, Ask] = {}
    for ask in sorted(history.asks, key=lambda ask: ask.at):
        before = [window.key for window in looked if window.end <= ask.at]
        if before:
            asked[before[-1]] = ask
    if not asked:
        return None
    newest = max(asked.values(), key=lambda ask: ask.at)
    shown: Numbers = {"metric": newest.metric, "value": newest.value, "n": newest.n}
    text = f"{newest.metric} {newest.value:.4g} (n = {newest.n})"
    found: list[tuple[Truth, str, Numbers]] = [("hit" if window.key in asked else "miss", text, shown) for window in looked]
    return _confirmed("alert", found, policy, f"alert {newest.alert}")


def _held(policy: Retrain, history: History, champion: Champion, window: str | None, now: datetime) -> Reason | None:
    for request in history.requests:
        if request.in_flight:
            return Reason("in_flight", "held", f"the retraining asked for at {_at(request.at)} has not ended", {"in_flight": request.key})
    until, trained = history.data_until, champion.trained_until
    if until is not None and trained is not None and until <= trained:
        text = f"there is data up to {_at(until)}, and the champion learned from data up to {_at(trained)}"
        return Reason("no_new_data", "held", text, {"data_until": _at(until), "trained_until": _at(trained)})
    for request in history.requests:
        if (request.version, request.window) == (champion.version, window):
            return Reason("requested", "held", f"asked for already on window {window}, at {_at(request.at)}", {"requested": request.key})
    if not history.requests:
        return None
    newest = max(request.at for request in history.requests)
    ready = policy.cooldown.after(newest)
    if now < ready:
        text = f"cooldown of {policy.cooldown} until {_at(ready)}"
        return Reason("cooldown", "held", text, {"cooldown_until": _at(ready)})
    since = policy.budget.per.after(now, -1)
    spent = sum(request.at > since for request in history.requests)
    if spent >= policy.budget.count:
        text = f"budget of {policy.budget.count} per {policy.budget.per} is spent"
        return Reason("budget", "held", text, {"budget_spent": spent, "budget": policy.budget.count})
    return None


def _decision(
    answer: Answer, champion: Champion | None, window: str | None, fired: tuple[str, ...], reasons: tuple[Reason, ...]
) -> Decision:
    version, trigger = champion.version if champion else None, "+".join(fired) or "none"
    key = decision_key(version, trigger, window) if version is not None and window is not None else None
    numbers = {name: value for reason in reasons for name, value in reason.numbers.items()}
    numbers.update({name: value for name, value in (("version", version), ("window", window)) if value is not None})
    return Decision(answer, bool(fired), trigger, window, key, version, reasons, numbers)


def _day(history: History) -> str | None:
    return None if history.data_until is None else f"data@{history.data_until.date().isoformat()}"


def _at(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
