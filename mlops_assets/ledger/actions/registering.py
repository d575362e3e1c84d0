"""A judged bundle becomes a version."""

from __future__ import annotations

from mlops_assets.ledger.actions.drafting import Digests, acting, body_of
from mlops_assets.ledger.actors import Actor
from mlops_assets.ledger.events import Event
from mlops_assets.ledger.log import Ledger


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
    who = acting(actor)
    known = ledger.state(model, environment).versions.get(version)
    if known is not None and known.digests["bundle"] == digests["bundle"]:
        return next(iter(ledger.events(model, environment=environment, version=version, kinds=["registered"])))
    body = body_of(who, run, digests=dict(digests), verdict=verdict, sample=sample, as_of=as_of, mlflow_run=mlflow_run)
    return ledger.append("registered", model, who.name, body, environment=environment, version=version)
