"""Which event may take a version from which state to which: one table, and its diagram."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transition:
    """``event`` takes a version from ``start`` (None: it did not exist) to ``end`` where ``when`` holds.

    ``other``: that version is not the one that the event is about, but one that it replaces or restores.
    """

    event: str
    start: str | None
    end: str
    when: str
    other: bool = False


TRANSITIONS: tuple[Transition, ...] = (
    Transition("registered", None, "registered", "a verdict is bound to its digests"),
    Transition("verdict", "registered", "candidate", "every gate passed"),
    Transition("waived", "registered", "candidate", "every gate passed or is waived"),
    Transition("verdict", "candidate", "registered", "a newer verdict is not a pass"),
    Transition("verdict", "approved", "registered", "a newer verdict is not a pass"),
    Transition("verdict", "approved", "candidate", "a newer verdict: approvals lapse"),
    Transition("approved", "candidate", "approved", "the last approval that was needed"),
    Transition("approval_requested", "approved", "candidate", "a new request: approvals start again"),
    Transition("rejected", "registered", "rejected", "an approver"),
    Transition("rejected", "candidate", "rejected", "an approver"),
    Transition("rejected", "approved", "rejected", "an approver"),
    Transition("rollout_started", "candidate", "challenger", "no approvals are needed"),
    Transition("rollout_started", "approved", "challenger", "verdict and approvals"),
    Transition("promoted", "candidate", "champion", "no approvals are needed"),
    Transition("promoted", "approved", "champion", "verdict and approvals"),
    Transition("promoted", "challenger", "champion", "verdict; approvals were given to the rollout"),
    Transition("promoted", "archived", "champion", "verdict and approvals"),
    Transition("promoted", "rolled_back", "champion", "verdict and approvals"),
    Transition("promoted", "champion", "archived", "another version becomes champion", other=True),
    Transition("rollout_started", "challenger", "archived", "a newer version starts its rollout", other=True),
    Transition("rolled_back", "challenger", "rolled_back", "the champion takes all traffic"),
    Transition("rolled_back", "champion", "rolled_back", "there is an earlier champion"),
    Transition("rolled_back", "archived", "champion", "it was the champion before", other=True),
    Transition("archived", "registered", "archived", ""),
    Transition("archived", "candidate", "archived", ""),
    Transition("archived", "approved", "archived", ""),
    Transition("archived", "rolled_back", "archived", ""),
    Transition("archived", "challenger", "archived", "the model goes out of service"),
    Transition("archived", "champion", "archived", "the model goes out of service"),
    Transition("retired", "registered", "retired", ""),
    Transition("retired", "candidate", "retired", ""),
    Transition("retired", "approved", "retired", ""),
    Transition("retired", "rejected", "retired", ""),
    Transition("retired", "rolled_back", "retired", ""),
    Transition("retired", "archived", "retired", ""),
)

STATES = tuple(dict.fromkeys(row.end for row in TRANSITIONS))
APPROVABLE = ("candidate", "archived", "rolled_back", "approved")
"""States in which a version may be put up for approval."""

PRUNABLE = ("archived", "rolled_back", "rejected", "retired")
"""States in which the bundle of a version may be removed."""


def _starts(event: str) -> tuple[str, ...]:
    return tuple(str(row.start) for row in TRANSITIONS if row.event == event and not row.other)


SUBJECT_STARTS: Mapping[str, tuple[str, ...]] = {
    **{event: _starts(event) for event in ("promoted", "rollout_started", "rolled_back", "rejected", "archived", "retired")},
    "pruned": PRUNABLE,
    "approval_requested": APPROVABLE,
    "approved": APPROVABLE,
    "traffic_shifted": ("challenger",),
    "analysed": ("challenger",),
}
"""Event -> states in which the version that it is about may be."""

NOUNS = {
    "promoted": "promotion",
    "rollout_started": "a rollout",
    "rolled_back": "rolling back",
    "rejected": "rejection",
    "archived": "archiving",
    "retired": "retirement",
    "pruned": "pruning",
    "approval_requested": "a request for approval",
    "approved": "approval",
    "traffic_shifted": "shifting traffic",
    "analysed": "analysis",
}
"""Event -> how a refusal calls it."""


def diagram() -> str:
    """The table as a Mermaid state diagram, whose labels may hold neither colons nor semicolons."""
    lines = ["stateDiagram-v2"]
    for row in TRANSITIONS:
        label = f"{row.event} ({row.when})" if row.when else row.event
        lines.append(f"    {row.start or '[*]'} --> {row.end}: {label.replace(':', ',').replace(';', ',')}")
    return "\n".join([*lines, "    retired --> [*]", ""])
