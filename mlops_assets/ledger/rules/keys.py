"""API keys: making and revoking them, and which decisions ask for one."""

from __future__ import annotations

from datetime import datetime

from mlops_assets.ledger.actors import holder, in_scope, not_valid
from mlops_assets.ledger.events import Draft
from mlops_assets.ledger.rules.refusal import Readable, Refusal

_BY_APPROVER = ("approved", "rejected", "waived")
_BY_OPERATOR = ("approval_requested", "rollout_started", "promoted", "rolled_back", "archived", "retired", "pruned")


def about_key(state: Readable, draft: Draft) -> Refusal | None:
    """A key is made once and revoked once."""
    prefix = draft.body["prefix"]
    known = state.keys.get(prefix)
    if draft.kind == "key_created" and known is not None:
        return Refusal(f"there is a key {prefix} already.", "Make another one.")
    if draft.kind == "key_revoked" and (known is None or known.revoked is not None):
        return Refusal(f"there is no valid key {prefix}.", "`mlops principals list` shows them.")
    return None


def proven(state: Readable, draft: Draft, now: datetime) -> Refusal | None:
    """Where approvals are asked for, who decides is proven by a key: an approver always, an operator as soon as there is one."""
    if draft.kind in _BY_APPROVER:
        request = state.of(draft.model or "", draft.environment or "").versions[draft.version].request if draft.version else None
        needed = request.needed if draft.kind == "approved" and request else int(draft.body.get("needed", 0))
        return _person(state, draft, ("approver",), now) if needed else None
    if draft.kind in _BY_OPERATOR and draft.body["needed"] and _operators(state, draft, now):
        return _person(state, draft, ("operator", "approver") if draft.kind == "approval_requested" else ("operator",), now)
    return None


def _operators(state: Readable, draft: Draft, now: datetime) -> bool:
    keys = (key for key in state.keys.values() if "operator" in key.roles and in_scope(key.scopes, draft.model, draft.environment))
    return any(not_valid(key, now) is None for key in keys)


def _person(state: Readable, draft: Draft, roles: tuple[str, ...], now: datetime) -> Refusal | None:
    key = state.keys.get(str(draft.body.get("key")))
    role = " or ".join(roles)
    do = f"Give the key of an {role} with --key or MLOPS_KEY; `mlops principals add NAME --role {roles[0]}` makes one."
    if key is None or key.principal != draft.actor:
        return Refusal(f"{draft.actor} is not proven by a key, and {draft.environment} asks for known people.", do)
    if (why := not_valid(key, now)) is not None:
        return Refusal(f"the key {key.prefix} of {key.principal} {why}.", do)
    if not any(holder(key).may(item, draft.model, draft.environment) for item in roles):
        return Refusal(
            f"{draft.actor} is {', '.join(key.roles)} for {', '.join(key.scopes)}, not {role} for {draft.environment}/{draft.model}.", do
        )
    return None
