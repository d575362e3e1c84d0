"""One thread for what must give the same bits on any machine.

Matrix products and training through BLAS and OpenMP split their sums by the number of threads, and so round otherwise with each.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """Within it, BLAS and OpenMP compute on one thread in this process."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)
