"""Prediction ids: UUID version 7 (RFC 9562), so that they sort by time and need no coordination between workers."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable

_FORM = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


def id_maker() -> Callable[[int], list[str]]:
    """A function that gives so many new ids at each call: 48 bits of Unix milliseconds, 74 random bits.

    The random bits come from a generator of its own that the operating system seeds. Ids are unique, not secret.
    """
    bits = random.Random(random.SystemRandom().getrandbits(256)).getrandbits
    clock = time.time

    def make(count: int) -> list[str]:
        moment = f"{int(clock() * 1000):012x}"
        head = f"{moment[:8]}-{moment[8:]}-7"
        made = []
        for _ in range(count):
            noise = bits(74)
            text = f"{0x8000 | (noise & 0x3FFF):04x}-{(noise >> 14) & 0xFFFFFFFFFFFF:012x}"
            made.append(f"{head}{noise >> 62:03x}-{text}")
        return made

    return make


def is_id(text: str) -> bool:
    """Whether ``text`` has the form of an id."""
    return bool(_FORM.match(text))


def milliseconds_of(identifier: str) -> int:
    """Unix time in milliseconds at which an id was made."""
    return int(identifier[:8] + identifier[9:13], 16)
