"""Segments of the journal as its readers see them: how many wait, which of them their writers have left, and the lines in them."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from mlops_assets.serving.journal import SUFFIX

Calendar = Callable[[str, datetime], str]
"""From a model and a moment to the key of the partition."""


@dataclass
class Lines:
    """Lines of segments.

    Attributes:
        rows: by asset and partition, one line a row.
        versions: the line that describes a version, by model and number.
        torn: lines that are no line, as a kill in the middle of a write leaves them.
    """

    rows: dict[tuple[str, str], list[list[Any]]] = field(default_factory=dict)
    versions: dict[tuple[str, int], list[Any]] = field(default_factory=dict)
    torn: int = 0


def backlog(journal: Path) -> tuple[int, float | None]:
    """How many segments there are, and when the oldest one began (Unix seconds; None without any)."""
    names = sorted(path.name for path in journal.glob(f"*{SUFFIX}")) if journal.is_dir() else []
    with contextlib.suppress(ValueError, IndexError):
        return len(names), int(names[0].partition("-")[0], 16) / 1e6
    return len(names), None


@contextlib.contextmanager
def alone(journal: Path) -> Iterator[bool]:
    """Whether no other compaction runs on this journal."""
    file = os.open(journal / ".compaction", os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(file)


def claim(path: Path) -> int | None:
    """The segment's lock as an open file, if its writer has let go of it."""
    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def read(path: Path, into: Lines, calendar: Calendar, clock: Callable[[int], int] | None) -> None:
    """Add the lines of a segment, by the partition of their moment; ``clock`` goes from journaled times to those that rows get."""
    decode = msgspec.json.Decoder(list).decode
    kinds = {"error": "prediction_errors", "outcome": "feedback"}
    with path.open("rb") as stream:
        for line in stream:
            try:
                record = decode(line)
                kind = record[0]
                if kind == "version":
                    into.versions[record[1], record[2]] = record
                    continue
                model = record[3]
                if clock is not None:
                    record[2] = clock(record[2])
                key = calendar(model, datetime.fromtimestamp(record[2] / 1e6, UTC))
                name = kinds.get(kind) or ("shadow_predictions" if record[5] == "shadow" else "predictions")
            except (ValueError, IndexError, TypeError):
                into.torn += 1
                continue
            into.rows.setdefault((f"{model}/{name}", key), []).extend(_records(record))


def _records(record: list[Any]) -> Iterator[list[Any]]:
    """One record a row of a line."""
    if record[0] != "predictions":
        yield record
        return
    _, ids, moment, model, version, variant, principal, keys, rows, predictions, latency, as_of = record
    common = ["prediction", None, moment, model, version, variant, principal]
    for index, identifier in enumerate(ids):
        one = [*common, keys[index], rows[index], predictions[index], latency, as_of[index] if as_of is not None else None]
        one[1] = identifier
        yield one
