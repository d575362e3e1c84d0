"""What people and automations do to a model: each verb reads the state, says what it is about, and appends what follows.

Every verb raises :class:`Refused` with the reason and with what would make it possible. The check itself runs under the ledger's lock, on
the state at that moment, so of two who act at once one wins and the other is told.

``needed`` is how many approvals the environment asks for. Above zero, who decides must be proven by a key: an approver to approve,
reject and waive; an operator for the rest, as soon as one exists.
"""

from mlops_assets.ledger.actions.approving import approve, reject, request_approval
from mlops_assets.ledger.actions.judging import record_verdict, waive
from mlops_assets.ledger.actions.moving import may_move, move
from mlops_assets.ledger.actions.promoting import may_promote, promote
from mlops_assets.ledger.actions.registering import register
from mlops_assets.ledger.actions.retiring import archive, prune, retire
from mlops_assets.ledger.actions.rolling_back import rollback
from mlops_assets.ledger.actions.rolling_out import start_rollout

__all__ = [
    "approve",
    "archive",
    "may_move",
    "may_promote",
    "move",
    "promote",
    "prune",
    "record_verdict",
    "register",
    "reject",
    "request_approval",
    "retire",
    "rollback",
    "start_rollout",
    "waive",
]
