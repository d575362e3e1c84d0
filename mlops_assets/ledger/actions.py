"""What people and automations do to a model: each verb reads the state, says what it is about, and appends what follows.

Every verb raises :class:`Refused` with the reason and with what would make it possible. The check itself runs under the ledger's lock, on
the state at that moment, so of two who act at once one wins and the other is told.

``needed`` is how many approvals the environment asks for. Above zero, who decides must be proven by a key: an approver to approve,
reject and waive; an operator for the rest, as soon as one exists.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from mlops_assets.governance.approvals import VALIDITY, Standing, counted, standing
from mlops_assets.governance.principals import Actor
from mlops_assets.ledger.errors import Refused
from mlops_assets.ledger.events import Draft, Event, minute, written_time
from mlops_assets.ledger.log import Ledger
from mlops_assets.ledger.rules import evidence, nothing_to_restore, open_gates, rollback_target, violation
from mlops_assets.ledger.state import DeploymentState, Version

Digests = Mapping[str, str | None]


def _actor(actor: Actor | str) -> Actor:
    return actor if isinstance(actor, Actor) else Actor(actor)


def _body(who: Actor, run: str | None, **fields: Any) -> dict[str, Any]:
    """A body without the fields that have no value, with the key that proves who acts."""
    return {name: value for name, value in {**fields, "run": run, "key": who.key}.items() if value is not None}


def _version(state: DeploymentState, version: int | None, *states: str) -> Version:
    """The named version, or the newest one in one of ``states``."""
    if version is None:
        found = [number for number, item in state.versions.items() if item.state in states]
        if not found:
            raise Refused(
                f"{state.model} has no version that is {' or '.join(states)} in {state.environment}.",
                do=f"`mlops status {state.model}` shows what there is; `mlops run {state.model}` makes a candidate.",
            )
        return state.versions[max(found)]
    if version not in state.versions:
        known = ", ".join(str(number) for number in sorted(state.versions)) or "none"
        raise Refused(f"{state.model} has no version {version} in {state.environment}.", do=f"Registered versions: {known}.")
    return state.versions[version]


def record_verdict(
    ledger: Ledger,
    model: str,
    actor: Actor | str,
    *,
    id: str,
    status: str,
    digests: Digests,
    gates: Sequence[Mapping[str, Any]],
    environment: str | None = None,
    sample: float = 1.0,
    as_of: str | None = None,
    run: str | None = None,
) -> Event:
    """Record what the gates said of a bundle. A verdict that is the newest on its bundle already is not recorded twice.

    ``gates`` are mappings with ``name`` and ``status``, and ``observed``, ``required`` and ``n`` where there are; other keys are left out.
    """
    environment = environment or ledger.environment
    who = _actor(actor)
    state = ledger.state(model, environment)
    if state.newest_verdict.get(str(digests["bundle"])) == id:
        sequence = state.verdicts[id].sequence
        return next(iter(ledger.events(model, environment=environment, after=sequence - 1)))
    body = _body(
        who,
        run,
        id=id,
        status=status,
        digests=dict(digests),
        gates=[gate_summary(gate) for gate in gates],
        environment=environment,
        sample=sample,
        as_of=as_of,
    )
    return ledger.append("verdict", model, who.name, body, environment=environment)


def gate_summary(gate: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a gate's result that the ledger keeps."""
    kept = {name: gate[name] for name in ("name", "status", "observed", "required", "n") if gate.get(name) is not None}
    if "observed" in kept and not math.isfinite(kept["observed"]):
        del kept["observed"]
    return kept


def register(
    ledger: Ledger,
    model: str,
    version: int,
    actor: Actor | str,
    *,
    digests: Digests,
    verdict: str,
    environment: str | None = None,
    sample: float = 1.0,
    as_of: str | None = None,
    mlflow_run: str | None = None,
    run: str | None = None,
) -> Event:
    """Make a judged bundle a version; it is a candidate then. The same bundle under the same number is not recorded twice."""
    environment = environment or ledger.environment
    who = _actor(actor)
    known = ledger.state(model, environment).versions.get(version)
    if known is not None and known.digests["bundle"] == digests["bundle"]:
        return next(iter(ledger.events(model, environment=environment, version=version, kinds=["registered"])))
    body = _body(who, run, digests=dict(digests), verdict=verdict, sample=sample, as_of=as_of, mlflow_run=mlflow_run)
    return ledger.append("registered", model, who.name, body, environment=environment, version=version)


def request_approval(
    ledger: Ledger,
    model: str,
    version: int | None,
    actor: Actor | str,
    *,
    needed: int,
    environment: str | None = None,
    valid_for: timedelta = VALIDITY,
    comment: str | None = None,
    run: str | None = None,
) -> Event:
    """Ask for ``needed`` approvals of exactly what ``version`` is now; the request stands for ``valid_for``."""
    environment = environment or ledger.environment
    who = _actor(actor)
    target = _version(ledger.state(model, environment), version, "candidate", "approved")
    expires = written_time(ledger.now() + valid_for)
    body = _body(who, run, verdict=target.verdict, digests=dict(target.digests), needed=needed, expires=expires, comment=comment)
    return ledger.append("approval_requested", model, who.name, body, environment=environment, version=target.number)


def approve(
    ledger: Ledger,
    model: str,
    version: int | None,
    actor: Actor | str,
    *,
    environment: str | None = None,
    comment: str | None = None,
    verdict: str | None = None,
) -> Event:
    """Approve what ``version`` is now. ``verdict`` is the one that the person looked at, where a program knows it."""
    environment = environment or ledger.environment
    who = _actor(actor)
    target = _version(ledger.state(model, environment), version, "candidate", "approved")
    body = _body(who, None, verdict=verdict or target.verdict, digests=dict(target.digests), comment=comment)
    return ledger.append("approved", model, who.name, body, environment=environment, version=target.number)


def reject(
    ledger: Ledger, model: str, version: int | None, actor: Actor | str, *, reason: str, needed: int = 0, environment: str | None = None
) -> Event:
    """Refuse ``version`` for good. ``needed`` is how many approvals the environment asks for: above zero, only an approver may."""
    environment = environment or ledger.environment
    who = _actor(actor)
    target = _version(ledger.state(model, environment), version, "candidate", "approved")
    body = _body(who, None, reason=reason, needed=needed)
    return ledger.append("rejected", model, who.name, body, environment=environment, version=target.number)


def waive(
    ledger: Ledger,
    model: str,
    actor: Actor | str,
    *,
    gates: Iterable[str],
    reason: str,
    verdict: str | None = None,
    needed: int = 0,
    environment: str | None = None,
) -> Event:
    """Let ``gates`` of ``verdict`` (default: the model's newest) pass although they did not, in the actor's name."""
    environment = environment or ledger.environment
    who = _actor(actor)
    chosen = verdict or ledger.state(model, environment).last_verdict
    if chosen is None:
        raise Refused(f"{model} has no verdict in {environment}.", do="Materialize its evaluation first.")
    body = _body(who, None, verdict=chosen, gates=list(gates), reason=reason, needed=needed)
    return ledger.append("waived", model, who.name, body, environment=environment)


def promote(
    ledger: Ledger,
    model: str,
    version: int | None,
    actor: Actor | str,
    *,
    needed: int,
    environment: str | None = None,
    digests: Digests | None = None,
    reason: str | None = None,
    run: str | None = None,
) -> Event:
    """Make ``version`` (default: the challenger, else the newest candidate) the champion; the one before is archived in the same event.

    ``needed`` is how many approvals the environment asks for; ``digests`` are those of what would really serve, where the caller
    has looked.
    """
    environment = environment or ledger.environment
    who = _actor(actor)
    state = ledger.state(model, environment)
    target = _version(state, state.challenger if version is None and state.challenger else version, "candidate", "approved")
    body = _body(
        who,
        run,
        verdict=target.verdict,
        digests=dict(digests if digests is not None else target.digests),
        needed=needed,
        approvers=counted(target, needed, ledger.now()),
        replaces=state.champion,
        reason=reason,
    )
    return ledger.append("promoted", model, who.name, body, environment=environment, version=target.number)


def start_rollout(
    ledger: Ledger,
    model: str,
    version: int | None,
    actor: Actor | str,
    *,
    strategy: str,
    share: float,
    steps: Sequence[float],
    needed: int,
    environment: str | None = None,
    run: str | None = None,
) -> Event:
    """Make ``version`` the challenger with ``share`` of the traffic; one in the middle of its rollout is archived in the same event."""
    environment = environment or ledger.environment
    who = _actor(actor)
    state = ledger.state(model, environment)
    target = _version(state, version, "candidate", "approved")
    body = _body(
        who,
        run,
        strategy=strategy,
        share=share,
        steps=list(steps),
        verdict=target.verdict,
        digests=dict(target.digests),
        needed=needed,
        replaces=state.champion,
    )
    return ledger.append("rollout_started", model, who.name, body, environment=environment, version=target.number)


def rollback(
    ledger: Ledger, model: str, actor: Actor | str, *, reason: str, needed: int = 0, environment: str | None = None, run: str | None = None
) -> Event:
    """Take out what went live last, in one event: a challenger in its rollout, else the champion for the one before it.

    It asks for no approval. ``needed`` is how many the environment asks for elsewhere: above zero, an operator's key is asked for.

    ``event.version`` is what was taken out and ``event.body["restored"]`` what takes all traffic now.
    """
    environment = environment or ledger.environment
    who = _actor(actor)
    state = ledger.state(model, environment)
    leaving = state.challenger or state.champion
    if leaving is None:
        raise Refused(
            f"{model} has no champion in {environment}: nothing to roll back.", do=f"`mlops promote {model}` puts one in service."
        )
    restored = rollback_target(state)
    if restored is None:
        raise Refused(
            nothing_to_restore(state),
            do=f"Promote another version, or take the model out of service: `mlops retire {model}`.",
        )
    body = _body(who, run, restored=restored, reason=reason, needed=needed)
    return ledger.append("rolled_back", model, who.name, body, environment=environment, version=leaving)


def archive(
    ledger: Ledger,
    model: str,
    version: int,
    actor: Actor | str,
    *,
    reason: str,
    needed: int = 0,
    environment: str | None = None,
    run: str | None = None,
) -> Event:
    """Put aside a version that does not serve."""
    who = _actor(actor)
    return ledger.append(
        "archived", model, who.name, _body(who, run, reason=reason, needed=needed), environment=environment, version=version
    )


def prune(
    ledger: Ledger,
    model: str,
    version: int,
    actor: Actor | str,
    *,
    reason: str,
    needed: int = 0,
    environment: str | None = None,
    run: str | None = None,
) -> Event:
    """Record that the bundle of a version goes for good, before it does. What could serve again cannot be pruned."""
    who = _actor(actor)
    return ledger.append("pruned", model, who.name, _body(who, run, reason=reason, needed=needed), environment=environment, version=version)


def retire(
    ledger: Ledger,
    model: str,
    version: int | None,
    actor: Actor | str,
    *,
    reason: str,
    needed: int = 0,
    environment: str | None = None,
    run: str | None = None,
) -> list[Event]:
    """Retire one version that does not serve, or with ``version`` None the whole model: it is taken out of service, in one transaction."""
    environment = environment or ledger.environment
    who = _actor(actor)
    name = who.name
    if version is not None:
        return [
            ledger.append("retired", model, name, _body(who, run, reason=reason, needed=needed), environment=environment, version=version)
        ]
    state = ledger.state(model, environment)
    left = [number for number, item in sorted(state.versions.items()) if item.state != "retired"]
    if not left:
        raise Refused(f"{model} has no version left to retire in {environment}.", do=f"`mlops status {model}` shows what there is.")
    serving = [number for number in (state.challenger, state.champion) if number is not None]
    out = _body(who, run, reason=reason, needed=needed, out_of_service=True)
    drafts = [Draft("archived", name, out, model, environment, number) for number in serving]
    drafts += [Draft("retired", name, _body(who, run, reason=reason, needed=needed), model, environment, number) for number in left]
    return ledger.append_all(drafts, expect=state.sequence)


def move(
    source: Ledger,
    target: Ledger,
    model: str,
    version: int,
    actor: Actor | str,
    *,
    origin: str,
    environment: str,
    number: int | None = None,
    run: str | None = None,
) -> list[Event]:
    """Register in ``environment`` the bundle that ``version`` is in ``origin``: the same digest, and its verdict with it.

    Waivers stay behind: what was waived in one environment must be waived by name in the next. ``source`` and ``target`` may be one ledger.
    ``number`` is the version's number there, by default the same. Nothing is recorded when it is registered already.
    """
    who = _actor(actor)
    name = who.name
    there = source.state(model, origin)
    moved = may_move(source, model, version, origin)
    here = target.state(model, environment)
    if here.version_of(str(moved.digests["bundle"])) is not None:
        return []
    verdict = there.verdicts[moved.verdict]
    registration = next(iter(source.events(model, environment=origin, version=version, kinds=["registered"])))
    came_from = {"environment": origin, "version": version, "hash": registration.hash}
    about = {"sample": moved.sample, "as_of": moved.as_of, "source": came_from}
    events = []
    if here.newest_verdict.get(str(moved.digests["bundle"])) != verdict.id:
        gates = [gate_summary(gate) for gate in verdict.gates]
        judged = {"id": verdict.id, "status": verdict.status, "digests": dict(verdict.digests), "gates": gates}
        judged["environment"] = verdict.environment
        events.append(target.append("verdict", model, name, _body(who, run, **judged, **about), environment=environment))
    body = _body(who, run, digests=dict(moved.digests), verdict=verdict.id, mlflow_run=moved.mlflow_run, **about)
    events.append(target.append("registered", model, name, body, environment=environment, version=number or version))
    return events


def may_move(ledger: Ledger, model: str, version: int, origin: str) -> Version:
    """The version in ``origin``, whose evidence lets it go on to the next environment.

    Raises:
        Refused: when it was rejected or retired there, or its newest verdict there does not let it go on.
    """
    there = ledger.state(model, origin)
    moved = _version(there, version)
    if moved.state in ("rejected", "retired"):
        raise Refused(
            f"{model} {version} is {moved.state} in {origin} since {minute(moved.since)}, and goes no further.",
            do="Train and register another version.",
        )
    if (refusal := evidence(there, moved)) is not None:
        raise Refused(refusal.why, do=refusal.do)
    return moved


def may_promote(
    ledger: Ledger, model: str, version: int | None = None, *, needed: int, environment: str | None = None
) -> tuple[Version, Standing, str | None]:
    """What a promotion would meet now: the version, its approvals, and why it would be refused (None: it would not)."""
    environment = environment or ledger.environment
    whole = ledger.fold()
    state = whole.of(model, environment)
    target = _version(state, state.challenger if version is None and state.challenger else version, "candidate", "approved")
    stand = standing(target, needed, ledger.now())
    body = {
        "verdict": target.verdict,
        "digests": dict(target.digests),
        "needed": needed,
        "approvers": counted(target, needed, ledger.now()),
        "replaces": state.champion,
    }
    refusal = violation(whole, Draft("promoted", "os:nobody", body, model, environment, target.number), ledger.now())
    return target, stand, f"{refusal.why} {refusal.do}" if refusal else None


def unwaived(state: DeploymentState, version: Version) -> list[str]:
    """Gates that neither passed nor are waived in the verdict on ``version``."""
    verdict = state.verdicts.get(version.verdict)
    return open_gates(state, verdict) if verdict else []
