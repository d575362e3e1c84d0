"""Progress of long work on stderr: a spinner on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType


class Progress:
    """Tells which asset is being materialized, and how long the one before took."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)
        self.status = self.console.status("loading the definitions") if self.console.is_terminal else None
        self._text: str | None = None
        self._began = time.monotonic()

    def __enter__(self) -> Progress:
        if self.status is not None:
            self.status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._finish()
        if self.status is not None:
            self.status.stop()

    def step(self, asset: str, first: str | None, last: str | None, count: int) -> None:
        """Say that ``count`` partitions of ``asset`` begin now."""
        self._finish()
        span = "" if first is None else f" {first}" if first == last else f" {first} … {last} ({count} partitions)"
        self._text, self._began = f"{asset}{span}", time.monotonic()
        if self.status is not None:
            self.status.update(self._text)

    def note(self, text: str) -> None:
        """Say something about what comes next."""
        self._finish()
        print(f"  {text}", file=sys.stderr, flush=True)

    def _finish(self) -> None:
        if self._text is not None:
            print(f"  {self._text}  {time.monotonic() - self._began:.1f}s", file=sys.stderr, flush=True)
        self._text = None
