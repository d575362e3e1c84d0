"""Prediction ids: UUID version 7 (RFC 9562), so that they sort by time and need no coordination between workers."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable

_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""Keeps two random bits of a digit and sets the two that every id has there."""

_FORM = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


def id_maker() -> Callable[[int], list[str]]:
    """A function that gives so many new ids at each call: 48 bits of Unix milliseconds, 74 random bits.

    The random bits come from a generator of its own that the operating system seeds. Ids are unique, not secret.
    """
    noise = random.Random(random.SystemRandom().getrandbits(256)).randbytes
    clock = time.time

    def make(count: int) -> list[str]:
        moment = f"{int(clock() * 1000):012x}"
        head = f"{moment[:8]}-{moment[8:]}-7"
        hexes = noise(10 * count).hex()
        return [
            f"{head}{hexes[at : at + 3]}-{_VARIANT[hexes[at + 3]]}{hexes[at + 4 : at + 7]}-{hexes[at + 7 : at + 19]}"
            for at in range(0, 20 * count, 20)
        ]

    return make


def is_id(text: str) -> bool:
    """Whether ``text`` has the form of an id."""
    return bool(_FORM.match(text))


def milliseconds_of(identifier: str) -> int:
    """Unix time in milliseconds at which an id was made."""
    return int(identifier[:8] + identifier[9:13], 16)
