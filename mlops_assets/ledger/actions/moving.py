"""A version goes on to the next environment: the same bundle, and its verdict with it."""

from __future__ import annotations

from mlops_assets.ledger.actions.drafting import acting, body_of, version_in
from mlops_assets.ledger.actions.judging import gate_summary
from mlops_assets.ledger.actors import Actor
from mlops_assets.ledger.errors import Refused
from mlops_assets.ledger.events import Event, minute
from mlops_assets.ledger.log import Ledger
from mlops_assets.ledger.rules.evidence import evidence
from mlops_assets.ledger.state import Version


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
    who = acting(actor)
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
        events.append(target.append("verdict", model, name, body_of(who, run, **judged, **about), environment=environment))
    body = body_of(who, run, digests=dict(moved.digests), verdict=verdict.id, mlflow_run=moved.mlflow_run, **about)
    events.append(target.append("registered", model, name, body, environment=environment, version=number or version))
    return events


def may_move(ledger: Ledger, model: str, version: int, origin: str) -> Version:
    """The version in ``origin``, whose evidence lets it go on to the next environment.

    Raises:
        Refused: when it was rejected or retired there, or its newest verdict there does not let it go on.
    """
    there = ledger.state(model, origin)
    moved = version_in(there, version)
    if moved.state in ("rejected", "retired"):
        raise Refused(
            f"{model} {version} is {moved.state} in {origin} since {minute(moved.since)}, and goes no further.",
            do="Train and register another version.",
        )
    if (refusal := evidence(there, moved)) is not None:
        raise Refused(refusal.why, do=refusal.do)
    return moved
