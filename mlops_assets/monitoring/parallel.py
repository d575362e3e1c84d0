"""Work on columns side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

MANY = 1_000_000
"""Below so many numbers, threads cost more than they bring."""
THREADS = 4


def each(work: Callable[[A], B], items: Iterable[A], *, numbers: int) -> list[B]:
    """``work`` of each item, in order; in threads where ``numbers`` are many, since sorting lets go of the interpreter.

    A column a thread is in memory beside the rest, so threads are few whatever the machine.
    """
    threads = min(THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if numbers < MANY or threads < 2:
        return [work(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads, thread_name_prefix="columns") as pool:
        return list(pool.map(work, items))
