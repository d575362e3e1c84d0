"""One thread for what must give the same bits on any machine.

Matrix products, and training by them, split their sums by the number of threads, and so round otherwise with each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_held = ContextVar("held", default=False)


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, and within a function that it decorates, BLAS and OpenMP compute on one thread in this process."""
    if _held.get():
        yield
        return
    from threadpoolctl import threadpool_limits

    before = _held.set(True)
    try:
        with threadpool_limits(1):
            yield
    finally:
        _held.reset(before)
