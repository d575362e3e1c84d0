"""What a source is told beside its declaration: the time that is wanted, and where it finds things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

Window = tuple[datetime, datetime]
"""First instant and first instant after, in UTC."""

Progress = Callable[[str, int, int | None], None]
"""Called with what is going on, how far it is, and of how much (None: unknown)."""


@dataclass(frozen=True)
class SourceContext:
    """Where a source finds things.

    Attributes:
        project: folder against which file paths are resolved.
        folder: folder of the defs.yaml, against which `.module:function` is resolved.
        cache: folder of downloads.
        mirror: folder that is asked for files before any download.
        progress: told about long work.
        retry_seconds: wait before the second attempt of a download; doubled for each further one.
    """

    project: Path
    folder: Path
    cache: Path
    mirror: Path | None = None
    progress: Progress | None = None
    retry_seconds: float = 1.0
