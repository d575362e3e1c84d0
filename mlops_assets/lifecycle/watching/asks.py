"""What alerts remember between ticks, and the retrainings that they ask for: small documents in the store."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.retraining.history import Ask

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace

REMEMBERED = 50


def remembered(workspace: Workspace, name: str) -> dict[str, Any]:
    """State of each rule by its fingerprint (``rules``), retrainings asked for (``asks``), and keys of what was done (``done``)."""
    return workspace.store.get_pointer(_pointer(workspace, name)) or {"rules": {}, "asks": [], "done": []}


def remember(workspace: Workspace, name: str, body: dict[str, Any]) -> None:
    """Keep what :func:`remembered` gives at the next tick."""
    kept = {"rules": body["rules"], "asks": body["asks"][-REMEMBERED:], "done": body["done"][-REMEMBERED:]}
    workspace.store.set_pointer(_pointer(workspace, name), kept)


def asks_of(workspace: Workspace, name: str) -> tuple[Ask, ...]:
    """Retrainings that alerts asked for, oldest first."""
    kept = remembered(workspace, name)["asks"]
    return tuple(Ask(**{**ask, "at": datetime.fromisoformat(ask["at"])}) for ask in kept)


def ask_of(alert: str, at: datetime, metric: str, value: float, n: int) -> dict[str, Any]:
    """An ask as it is kept."""
    return {"alert": alert, "at": at.isoformat(), "metric": metric, "value": value, "n": n}


def _pointer(workspace: Workspace, name: str) -> str:
    return f"{workspace.settings.environment}/{name}/alerts"
