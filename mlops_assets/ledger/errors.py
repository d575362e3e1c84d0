"""What the ledger answers when it cannot record or does not allow something."""

from __future__ import annotations

from mlops_assets.errors import RED, MlopsError


class LedgerError(MlopsError):
    """The ledger's database cannot be read or written; nothing of the attempted append was kept."""


class EventError(MlopsError):
    """An event of an unknown kind, or with a body that its kind does not have."""


class Refused(MlopsError):
    """The state, the evidence or the approvals do not allow this; says what would make it possible."""

    exit_code = RED
