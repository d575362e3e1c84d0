"""Deployment state as a fold over events: a pure function, incremental from any earlier state.

States are plain data that nobody changes: :func:`fold` copies what an event touches before it writes there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mlops_assets.ledger.actors import Key
from mlops_assets.ledger.effects import EFFECTS
from mlops_assets.ledger.events import Event
from mlops_assets.ledger.state import EMPTY, DeploymentState, State


def fold(events: Iterable[Event], start: State = EMPTY) -> State:
    """State after ``events``, which follow ``start``; neither is changed. Folding in pieces gives the same as folding at once."""
    folding = Folding(start)
    for event in events:
        folding.apply(event)
    return folding.state()


class Folding:
    """A fold in progress: reads like a state, takes one event at a time, copies what it touches of where it started."""

    def __init__(self, start: State = EMPTY) -> None:
        self.sequence = start.sequence
        self.head = start.head
        self.time = start.time
        self._deployments = dict(start.deployments)
        self._keys = start.keys
        self._own: set[tuple[str, str]] = set()

    def of(self, model: str, environment: str) -> DeploymentState:
        """As :meth:`State.of`; valid until the next event."""
        return self._deployments.get((environment, model)) or DeploymentState(model, environment)

    @property
    def keys(self) -> Mapping[str, Key]:
        """As ``State.keys``."""
        return self._keys

    def apply(self, event: Event) -> None:
        """Take one event."""
        if event.model is not None and event.environment is not None:
            key = (event.environment, event.model)
            state = self._deployments.get(key)
            if state is None:
                state = self._deployments[key] = DeploymentState(event.model, event.environment)
                self._own.add(key)
            elif key not in self._own:
                state = self._deployments[key] = state.copied()
                self._own.add(key)
            EFFECTS[event.kind](state, event)
            state.sequence = event.sequence
        elif event.kind == "key_created":
            self._keys = {**self._keys, event.body["prefix"]: _key(event)}
        elif event.kind == "key_revoked" and event.body["prefix"] in self._keys:
            prefix = event.body["prefix"]
            self._keys = {**self._keys, prefix: replace(self._keys[prefix], revoked=event.time)}
        self.sequence, self.head, self.time = event.sequence, event.hash, event.time

    def state(self) -> State:
        """The state after the events taken so far; the folding may go on."""
        self._own.clear()
        return State(self.sequence, self.head, self.time, dict(self._deployments), self._keys)


def _key(event: Event) -> Key:
    body = event.body
    return Key(
        body["principal"],
        body["prefix"],
        body["hash"],
        tuple(body["roles"]),
        tuple(body["scopes"]),
        event.time,
        event.actor,
        body.get("expires"),
    )
