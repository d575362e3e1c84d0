"""A ledger of the environment prod, which asks for two approvals, with its people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlops_assets.governance.principals import add_key, authenticate, os_user
from mlops_assets.ledger import Ledger, actions, open_ledger
from mlops_assets.ledger.actors import Actor


class Company:
    """A prod ledger with a candidate on it, and keys by name."""

    def __init__(self, folder: Path) -> None:
        self.ledger: Ledger = open_ledger(str(folder / "ledger.db"), environment="prod", checkpoints=folder / "checkpoints")

    def hire(self, name: str, *roles: str, by: Actor | None = None, **options: Any) -> Actor:
        """A principal with a fresh key, authenticated with it."""
        key, _ = add_key(self.ledger, by or os_user(), name, roles, **options)
        return authenticate(self.ledger.fold().keys, key, self.ledger.now())

    def judge(self, number: int, status: str = "pass", verdict: str | None = None) -> str:
        """Record a verdict on the bundle of version ``number``."""
        name = verdict or f"verdict{number}"
        gates = [{"name": "calibration", "status": status}]
        actions.record_verdict(self.ledger, "churn", "dagster", id=name, status=status, digests=self.digests(number), gates=gates)
        return name

    def candidate(self, number: int) -> None:
        """Judge and register version ``number``."""
        actions.register(self.ledger, "churn", number, "dagster", digests=self.digests(number), verdict=self.judge(number))

    @staticmethod
    def digests(number: int) -> dict[str, str | None]:
        """Digests of the bundle of version ``number``."""
        return {"bundle": f"bundle{number}", "trees": None, "data": "data", "spec": "spec"}


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """The ledger before anybody has a key."""
    return Company(tmp_path)
