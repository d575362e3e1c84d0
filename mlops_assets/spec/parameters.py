"""A parameter of an estimator that cannot be as it is given, known without importing the estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ParameterMistake:
    """One of them.

    Attributes:
        of: where it stands: among the estimator's own parameters, or in the space of the search.
        name: as it is written.
        found: what is wrong with it.
        valid: names that are possible there, if they are few.
        suggestion: the name that was probably meant.
        do: what to do about it.
    """

    of: Literal["estimator", "space"]
    name: str
    found: str
    valid: tuple[str, ...] = ()
    suggestion: str | None = None
    do: str | None = None
