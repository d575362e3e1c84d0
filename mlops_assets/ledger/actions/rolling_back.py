"""What went live last is taken out."""

from __future__ import annotations

from mlops_assets.ledger.actions.drafting import acting, body_of
from mlops_assets.ledger.actors import Actor
from mlops_assets.ledger.errors import Refused
from mlops_assets.ledger.events import Event
from mlops_assets.ledger.log import Ledger
from mlops_assets.ledger.rules.rolling_back import nothing_to_restore, rollback_target


def rollback(
    ledger: Ledger, model: str, actor: Actor | str, *, reason: str, needed: int = 0, environment: str | None = None, run: str | None = None
) -> Event:
    """Take out what went live last, in one event: a challenger in its rollout, else the champion for the one before it.

    It asks for no approval. ``needed`` is how many the environment asks for elsewhere: above zero, an operator's key is asked for.

    ``event.version`` is what was taken out and ``event.body["restored"]`` what takes all traffic now.
    """
    environment = environment or ledger.environment
    who = acting(actor)
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
    body = body_of(who, run, restored=restored, reason=reason, needed=needed)
    return ledger.append("rolled_back", model, who.name, body, environment=environment, version=leaving)
