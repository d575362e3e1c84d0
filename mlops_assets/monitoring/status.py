"""How a look at live data comes out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Status = Literal["pass", "fail", "inconclusive", "not_applicable"]


def worst(statuses: Iterable[str]) -> Status:
    """fail before inconclusive before pass; not_applicable where nothing else is there."""
    found = set(statuses)
    order: tuple[Status, ...] = ("fail", "inconclusive", "pass")
    return next((status for status in order if status in found), "not_applicable")
