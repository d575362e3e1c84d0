"""A version is put aside or retired, a model goes out of service, a bundle is removed."""

from __future__ import annotations

from mlops_assets.ledger.actions.drafting import acting, body_of
from mlops_assets.ledger.actors import Actor
from mlops_assets.ledger.errors import Refused
from mlops_assets.ledger.events import Draft, Event
from mlops_assets.ledger.log import Ledger


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
    who = acting(actor)
    return ledger.append(
        "archived", model, who.name, body_of(who, run, reason=reason, needed=needed), environment=environment, version=version
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
    who = acting(actor)
    return ledger.append(
        "pruned", model, who.name, body_of(who, run, reason=reason, needed=needed), environment=environment, version=version
    )


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
    who = acting(actor)
    name = who.name
    if version is not None:
        return [
            ledger.append("retired", model, name, body_of(who, run, reason=reason, needed=needed), environment=environment, version=version)
        ]
    state = ledger.state(model, environment)
    left = [number for number, item in sorted(state.versions.items()) if item.state != "retired"]
    if not left:
        raise Refused(f"{model} has no version left to retire in {environment}.", do=f"`mlops status {model}` shows what there is.")
    serving = [number for number in (state.challenger, state.champion) if number is not None]
    out = body_of(who, run, reason=reason, needed=needed, out_of_service=True)
    drafts = [Draft("archived", name, out, model, environment, number) for number in serving]
    drafts += [Draft("retired", name, body_of(who, run, reason=reason, needed=needed), model, environment, number) for number in left]
    return ledger.append_all(drafts, expect=state.sequence)
