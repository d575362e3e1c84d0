"""Errors of the store."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from mlops_assets.errors import MlopsError


class StoreError(MlopsError):
    """The store cannot do what was asked, or holds something that it must not hold."""


class LostRowsError(StoreError):
    """Rows that were read are neither stored nor quarantined nor left out by a named cause; nothing was stored."""


class ErasedError(StoreError):
    """The bytes were removed on purpose; the tombstone says when and why."""


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Turn the system's refusal to write ``path`` into a :class:`StoreError` that says what to do."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(
                "the disk is full.", where=path, do="Free space and run again; the previous version is still current."
            ) from error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise StoreError(
                "the store cannot be written here.", where=path, do="Allow writing; the previous version is still current."
            ) from error
        raise StoreError(f"writing failed: {error}.", where=path, do="The previous version is still current.") from error
