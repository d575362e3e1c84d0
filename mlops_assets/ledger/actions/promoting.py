"""A version becomes the champion."""

from __future__ import annotations

from mlops_assets.ledger.actions.drafting import Digests, acting, body_of, version_in
from mlops_assets.ledger.actors import Actor
from mlops_assets.ledger.approvals import Standing, counted, standing
from mlops_assets.ledger.events import Draft, Event
from mlops_assets.ledger.log import Ledger
from mlops_assets.ledger.rules.check import violation
from mlops_assets.ledger.state import Version


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
    who = acting(actor)
    state = ledger.state(model, environment)
    target = version_in(state, state.challenger if version is None and state.challenger else version, "candidate", "approved")
    body = body_of(
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


def may_promote(
    ledger: Ledger, model: str, version: int | None = None, *, needed: int, environment: str | None = None
) -> tuple[Version, Standing, str | None]:
    """What a promotion would meet now: the version, its approvals, and why it would be refused (None: it would not)."""
    environment = environment or ledger.environment
    whole = ledger.fold()
    state = whole.of(model, environment)
    target = version_in(state, state.challenger if version is None and state.challenger else version, "candidate", "approved")
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
