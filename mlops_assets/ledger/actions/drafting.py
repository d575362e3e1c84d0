"""What every action is made from: who acts, what the event says, and which version it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_assets.ledger.actors import Actor
from mlops_assets.ledger.errors import Refused
from mlops_assets.ledger.state import DeploymentState, Version

Digests = Mapping[str, str | None]


def acting(actor: Actor | str) -> Actor:
    """Who acts; a name alone is an actor that nothing proves."""
    return actor if isinstance(actor, Actor) else Actor(actor)


def body_of(who: Actor, run: str | None, **fields: Any) -> dict[str, Any]:
    """A body without the fields that have no value, with the key that proves who acts."""
    return {name: value for name, value in {**fields, "run": run, "key": who.key}.items() if value is not None}


def version_in(state: DeploymentState, version: int | None, *states: str) -> Version:
    """The named version, or the newest one in one of ``states``.

    Raises:
        Refused: when there is none.
    """
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
