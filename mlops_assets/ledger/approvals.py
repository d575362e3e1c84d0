"""Rules of approvals: whose counts, for how long, and what makes it lapse. Pure functions over folded state.

An approval binds to a verdict and to digests. It counts while the request that it answers stands, which ends when it expires, when the
version changes state, or when a newer verdict on the same bundle arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mlops_assets.ledger.events import minute, read_time
from mlops_assets.ledger.state import Approval, Request, Version

VALIDITY = timedelta(days=7)
"""How long a request stands unless settings say otherwise."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the approvals of a version stand at one moment."""

    needed: int
    approvals: tuple[Approval, ...]
    request: Request | None
    lapsed: str | None = None

    @property
    def enough(self) -> bool:
        """Whether a promotion has the approvals that it needs."""
        return len(self.approvals) >= self.needed

    def __str__(self) -> str:
        text = f"{len(self.approvals)} of {self.needed} approvals"
        return f"{text} ({self.lapsed})" if self.lapsed else text


def standing(version: Version, needed: int, now: datetime) -> Standing:
    """Which approvals of ``version`` count at ``now`` against ``needed`` distinct people."""
    request = version.request
    if request is None:
        return Standing(needed, (), None)
    if expired(request, now):
        return Standing(needed, (), None, f"the request of {minute(request.at)} expired at {minute(request.expires)}")
    if request.verdict != version.verdict or dict(request.digests) != dict(version.digests):
        return Standing(needed, (), None, "lapsed: the evidence changed since they were given")
    people: dict[str, Approval] = {}
    for approval in version.approvals:
        if approval.by != request.by and approval.verdict == version.verdict and dict(approval.digests) == dict(version.digests):
            people.setdefault(approval.by, approval)
    return Standing(needed, tuple(people.values()), request)


def counted(version: Version, needed: int, now: datetime) -> list[str]:
    """Names of those whose approvals a promotion of ``version`` rests on; a challenger has those that its rollout began with."""
    given = version.accepted if version.state == "challenger" else standing(version, needed, now).approvals
    return [approval.by for approval in given]


def expired(request: Request, now: datetime) -> bool:
    """Whether the request no longer stands at ``now``."""
    return now >= read_time(request.expires)


def may_approve(version: Version, person: str, now: datetime) -> str | None:
    """Why ``person`` may not approve ``version`` at ``now``, or None."""
    request = version.request
    if request is None:
        return "nobody has asked for its approval"
    if expired(request, now):
        return f"the request for approval expired at {minute(request.expires)}"
    if request.by in (person, f"os:{person}"):
        return f"{person} asked for it, and nobody approves their own request"
    if any(approval.by == person for approval in version.approvals):
        return f"{person} has approved it already, and approvals are from distinct people"
    return None
