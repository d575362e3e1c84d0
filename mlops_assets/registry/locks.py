"""One process at a time for the few steps that MLflow itself does not make safe."""

from __future__ import annotations

import getpass
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_assets.registry.errors import RegistryError

PATIENCE_SECONDS = 120.0


def sqlite_file(tracking_uri: str) -> Path | None:
    """The database file of a SQLite tracking URI; None for any other store."""
    if not tracking_uri.startswith("sqlite:///"):
        return None
    name = tracking_uri.removeprefix("sqlite:///").partition("?")[0]
    return Path(name) if name and name != ":memory:" else None


@contextmanager
def exclusive(tracking_uri: str) -> Iterator[None]:
    """Hold the lock of one tracking store: beside a SQLite file, else in the user's temporary folder.

    The operating system frees it when its holder dies. Across machines it does not hold; what it guards there is
    resolved afterwards by taking the oldest of two equal records.

    Raises:
        RegistryError: when another process holds it for longer than two minutes.
    """
    from filelock import FileLock, Timeout

    path = _path(tracking_uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=PATIENCE_SECONDS):
            yield
    except Timeout:
        raise RegistryError(
            f"another process has held {path.name} for over {PATIENCE_SECONDS:.0f} s.",
            where=str(path.parent),
            do="See whether a process of this project hangs, and end it.",
        ) from None


def _path(tracking_uri: str) -> Path:
    file = sqlite_file(tracking_uri)
    if file is not None:
        return file.with_name(file.name + ".lock")
    digest = hashlib.sha256(tracking_uri.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"mlops-assets-{getpass.getuser()}" / f"{digest}.lock"
