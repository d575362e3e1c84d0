"""The append-only log of everything that happened to models, and the state that follows from it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_assets.ledger.errors import EventError, LedgerError, Refused
    from mlops_assets.ledger.events import Draft, Event
    from mlops_assets.ledger.folding import fold
    from mlops_assets.ledger.log import Ledger, open_ledger
    from mlops_assets.ledger.state import DeploymentState, State

_HOMES = {
    "DeploymentState": "state",
    "Draft": "events",
    "Event": "events",
    "EventError": "errors",
    "Ledger": "log",
    "LedgerError": "errors",
    "Refused": "errors",
    "State": "state",
    "fold": "folding",
    "open_ledger": "log",
}

__all__ = ["DeploymentState", "Draft", "Event", "EventError", "Ledger", "LedgerError", "Refused", "State", "fold", "open_ledger"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"mlops_assets.ledger.{_HOMES[name]}"), name)
