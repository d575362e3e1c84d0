"""The error of rows that may not be stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_assets.data.schema import Violation
from mlops_assets.errors import MlopsError


class IngestError(MlopsError):
    """Rows that may not be stored. ``failures`` has the violations of each partition that failed."""

    def __init__(self, found: str, *, failures: Mapping[str | None, Sequence[Violation]] | None = None, **parts: Any) -> None:
        self.failures = dict(failures or {})
        super().__init__(found, **parts)
