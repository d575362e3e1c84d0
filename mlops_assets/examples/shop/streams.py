"""Random numbers that are a function of what they are for.

Philox is counter-based (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011): its key names the seed and the
purpose, its counter the day, so that no draw depends on any other. Only uniforms are drawn; what they become is computed here and
by the callers, since numpy promises the stream of its bit generators between versions but not that of its distributions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def uniform(seed: int, purpose: str, count: int, *, at: int = 0) -> Floats:
    """``count`` numbers in [0, 1) of one seed, purpose and position; a shorter draw is the beginning of a longer one."""
    return generator(seed, purpose, at=at).random(count)


def generator(seed: int, purpose: str, *, at: int = 0) -> np.random.Generator:
    """The stream itself, for several draws in a fixed order."""
    label = int.from_bytes(purpose.encode()[:8].ljust(8, b"\0"), "big")
    return np.random.Generator(np.random.Philox(key=(seed & (2**64 - 1)) | (label << 64), counter=at << 128))


def exponential(u: Floats) -> Floats:
    """Standard exponential variables, by inversion."""
    return -np.log1p(-u)


def gamma2(u: Floats, v: Floats) -> Floats:
    """Gamma variables of shape 2 and mean 1: half the sum of two exponentials."""
    return (exponential(u) + exponential(v)) / 2


def normal(u: Floats, v: Floats) -> Floats:
    """Standard normal variables, by Box and Muller."""
    return np.sqrt(2 * exponential(u)) * np.cos(2 * np.pi * v)


def choice(u: Floats, weights: tuple[float, ...]) -> NDArray[np.int32]:
    """Indices drawn with these weights."""
    return np.searchsorted(np.cumsum(weights)[:-1] / sum(weights), u, side="right").astype(np.int32)


def poisson(mean: float, generator: np.random.Generator) -> int:
    """A Poisson count: exact by inversion up to a mean of 500, by the normal approximation above."""
    if mean > 500:
        u, v = generator.random(2)
        z = float(normal(np.array([u]), np.array([v]))[0])
        return max(0, round(mean + z * math.sqrt(mean)))
    target, count = generator.random(), 0
    term = cumulative = float(np.exp(-mean))
    while cumulative < target and term > 0:
        count += 1
        term *= mean / count
        cumulative += term
    return count
