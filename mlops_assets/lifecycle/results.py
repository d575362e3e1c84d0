"""What a stage of a model's life came to, as plain data: what was stored, what its checks say, and what a person is shown of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_assets.data.store import Manifest
    from mlops_assets.errors import MlopsError
    from mlops_assets.monitoring.status import Status


@dataclass(frozen=True)
class Rows:
    """A small table, one mapping of the same keys a row."""

    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Document:
    """Nested plain data."""

    content: Any


@dataclass(frozen=True)
class Link:
    """The address of a page."""

    url: str


@dataclass(frozen=True)
class RunLink:
    """The Dagster run with this id."""

    run_id: str


@dataclass(frozen=True)
class Picture:
    """A small PNG."""

    png: bytes
    title: str


@dataclass(frozen=True)
class Stored:
    """One stored partition.

    Attributes:
        partition: its key; None if unpartitioned.
        version: the digest that is its data version.
        shown: what a person sees of it: numbers, text, and the forms of this module.
        manifest: of what the versioned store holds, whose rows and columns are shown too; None for what is no table.
    """

    partition: str | None
    version: str
    shown: Mapping[str, Any] = field(default_factory=dict)
    manifest: Manifest | None = None


@dataclass(frozen=True)
class Check:
    """The answer of one check. ``passed`` is False for fail and for inconclusive alike; ``shown`` says which."""

    name: str
    passed: bool
    shown: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None


@dataclass(frozen=True)
class Made:
    """Partitions that were stored, the answers of their checks, and why making them stopped; None where it did not."""

    stored: Sequence[Stored]
    checks: Sequence[Check]
    error: MlopsError | None = None


@dataclass(frozen=True)
class Finding:
    """The answer of a check of monitoring: only ``pass`` and ``not_applicable`` are green; ``numbers`` say what it rests on."""

    name: str
    status: Status
    detail: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Watched:
    """One stored partition of monitoring and what its checks found."""

    stored: Stored
    findings: Sequence[Finding] = ()


def plottable(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers to be plotted over partitions; what is absent or not finite is left out."""
    known = {name: value for name, value in numbers.items() if value is not None}
    finite = {name: value for name, value in known.items() if not isinstance(value, float) or math.isfinite(value)}
    return {name: Document(dict(value)) if isinstance(value, Mapping) else value for name, value in finite.items()}


def rounded(value: float) -> float:
    """A measured number with six significant digits, which is more than its interval allows."""
    return float(f"{value:.6g}")
