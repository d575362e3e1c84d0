"""A version takes traffic beside the champion."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_assets.ledger.actions.drafting import acting, body_of, version_in
from mlops_assets.ledger.actors import Actor
from mlops_assets.ledger.events import Event
from mlops_assets.ledger.log import Ledger


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
    who = acting(actor)
    state = ledger.state(model, environment)
    target = version_in(state, version, "candidate", "approved")
    body = body_of(
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
