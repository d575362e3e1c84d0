"""People are asked to approve a version, approve it, or refuse it for good."""

from __future__ import annotations

from datetime import timedelta

from mlops_assets.ledger.actions.drafting import acting, body_of, version_in
from mlops_assets.ledger.actors import Actor
from mlops_assets.ledger.approvals import VALIDITY
from mlops_assets.ledger.events import Event, written_time
from mlops_assets.ledger.log import Ledger


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
    who = acting(actor)
    target = version_in(ledger.state(model, environment), version, "candidate", "approved")
    expires = written_time(ledger.now() + valid_for)
    body = body_of(who, run, verdict=target.verdict, digests=dict(target.digests), needed=needed, expires=expires, comment=comment)
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
    who = acting(actor)
    target = version_in(ledger.state(model, environment), version, "candidate", "approved")
    body = body_of(who, None, verdict=verdict or target.verdict, digests=dict(target.digests), comment=comment)
    return ledger.append("approved", model, who.name, body, environment=environment, version=target.number)


def reject(
    ledger: Ledger, model: str, version: int | None, actor: Actor | str, *, reason: str, needed: int = 0, environment: str | None = None
) -> Event:
    """Refuse ``version`` for good. ``needed`` is how many approvals the environment asks for: above zero, only an approver may."""
    environment = environment or ledger.environment
    who = acting(actor)
    target = version_in(ledger.state(model, environment), version, "candidate", "approved")
    body = body_of(who, None, reason=reason, needed=needed)
    return ledger.append("rejected", model, who.name, body, environment=environment, version=target.number)
