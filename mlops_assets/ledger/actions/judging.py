"""Gates judge a bundle, and a named person may waive those that did not pass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlops_assets.ledger.actions.drafting import Digests, acting, body_of
from mlops_assets.ledger.actors import Actor
from mlops_assets.ledger.errors import Refused
from mlops_assets.ledger.events import Event
from mlops_assets.ledger.log import Ledger


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
    who = acting(actor)
    state = ledger.state(model, environment)
    if state.newest_verdict.get(str(digests["bundle"])) == id:
        sequence = state.verdicts[id].sequence
        return next(iter(ledger.events(model, environment=environment, after=sequence - 1)))
    body = body_of(
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
    kept = {name: gate[name] for name in ("name", "status", "rule", "observed", "required", "n") if gate.get(name) is not None}
    if "observed" in kept and not math.isfinite(kept["observed"]):
        del kept["observed"]
    return kept


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
    who = acting(actor)
    chosen = verdict or ledger.state(model, environment).last_verdict
    if chosen is None:
        raise Refused(f"{model} has no verdict in {environment}.", do="Materialize its evaluation first.")
    body = body_of(who, None, verdict=chosen, gates=list(gates), reason=reason, needed=needed)
    return ledger.append("waived", model, who.name, body, environment=environment)
