"""Which examples are learned from and which are held out: by time, or at random where there is no time.

All choices that are random are made by hashing the seed with a key of the row or group, so they depend neither on the
order of rows nor on a library's random generator, and stay the same for a row when other rows come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Side = Literal["train", "holdout"]
TRAIN, HOLDOUT, DROPPED = "train", "holdout", ""


def row_keys(table: pa.Table, columns: Sequence[str]) -> list[str]:
    """One text per row that names it by ``columns``; equal rows have equal texts. Null differs from the text "null"."""
    lists = [table.column(name).to_pylist() for name in columns]
    return [repr(values) for values in zip(*lists, strict=True)] if lists else [""] * table.num_rows


def ranks(keys: Sequence[str], seed: int, purpose: str) -> np.ndarray:
    """A number in [0, 1) for each key: the first 53 bits of SHA-256 over seed, purpose and key."""
    import numpy as np

    known: dict[str, float] = {}
    prefix = f"{seed}\x1f{purpose}\x1f".encode()
    result = np.empty(len(keys))
    for row, key in enumerate(keys):
        value = known.get(key)
        if value is None:
            digest = hashlib.sha256(prefix + key.encode()).digest()
            value = known[key] = (int.from_bytes(digest[:8], "big") >> 11) / 2**53
        result[row] = value
    return result


def keep_sample(keys: Sequence[str], share: float) -> np.ndarray:
    """True for the keys that a sample of ``share`` keeps: the same entities at every as-of time and in every run."""
    import numpy as np

    return np.ones(len(keys), dtype=bool) if share >= 1 else ranks(keys, 0, "sample") < share


def random_split(
    keys: Sequence[str],
    share: float,
    seed: int,
    *,
    classes: Sequence[object] | None = None,
    groups: Sequence[str] | None = None,
) -> np.ndarray:
    """``train`` or ``holdout`` per row; equal keys (and equal groups) stand on one side.

    Args:
        keys: what names each row.
        share: part of the rows to hold out, rounded to whole rows, at least one on either side where possible.
        seed: chooses the rows.
        classes: of a classification: each is held out in the same share (stratified). Not used with groups.
        groups: whole groups are held out, in random order, until the share is reached.
    """
    import numpy as np

    sides = np.full(len(keys), TRAIN, dtype=object)
    if groups is not None:
        sides[_held_out(groups, share, seed)] = HOLDOUT
    elif classes is None:
        sides[_held_out(keys, share, seed)] = HOLDOUT
    else:
        rows_of: dict[str, list[int]] = {}
        for row, value in enumerate(classes):
            rows_of.setdefault(repr(value), []).append(row)
        for name in sorted(rows_of):
            rows = np.array(rows_of[name])
            sides[rows[_held_out([keys[row] for row in rows], share, seed)]] = HOLDOUT
    return sides


def time_split(times: np.ndarray, ends: np.ndarray, cut: object) -> np.ndarray:
    """Split by time: rows from ``cut`` on are held out, rows whose label was final by ``cut`` are learned from, the rest is dropped.

    Args:
        times: as-of time of each row.
        ends: when its label was final.
        cut: first moment of the holdout.
    """
    import numpy as np

    sides = np.full(len(times), DROPPED, dtype=object)
    held = times >= cut
    sides[held] = HOLDOUT
    sides[~held & (ends <= cut)] = TRAIN
    return sides


def drop_shared_groups(sides: np.ndarray, groups: Sequence[str]) -> tuple[np.ndarray, int]:
    """Remove training rows whose group also stands in the holdout; returns the new sides and how many rows went."""
    import numpy as np

    names = np.asarray(groups, dtype=object)
    held = set(names[sides == HOLDOUT])
    shared = (sides == TRAIN) & np.fromiter((name in held for name in names), dtype=bool, count=len(names))
    result = sides.copy()
    result[shared] = DROPPED
    return result, int(shared.sum())


def _held_out(keys: Sequence[str], share: float, seed: int) -> np.ndarray:
    """Rows of the keys with the lowest ranks, whole keys at a time, until ``share`` of the rows is reached."""
    import numpy as np

    wanted = round(share * len(keys))
    if share > 0 and len(keys) > 1:
        wanted = min(max(wanted, 1), len(keys) - 1)
    names, first, counts = np.unique(np.asarray(keys, dtype=object), return_index=True, return_counts=True)
    if len(names) == len(keys):
        order = np.argsort(ranks(keys, seed, "split"), kind="stable")
        return np.sort(order[:wanted])
    order = np.argsort(ranks([keys[row] for row in first], seed, "split"), kind="stable")
    sizes = np.cumsum(counts[order])
    chosen = set(names[order[: int(np.searchsorted(sizes, wanted)) + 1]]) if wanted else set()
    if len(chosen) == len(names) and len(names) > 1:
        chosen.discard(names[order[-1]])
    return np.array([row for row, key in enumerate(keys) if key in chosen], dtype=int)
