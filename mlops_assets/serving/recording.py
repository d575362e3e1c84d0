"""What is kept of every answer: the variant's counters and a line in the journal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_assets.serving.identifiers import id_maker
from mlops_assets.serving.journal import PredictionLine

if TYPE_CHECKING:
    from mlops_assets.modeling.requests.reader import Rows
    from mlops_assets.serving.journal import Journal
    from mlops_assets.serving.routing import Variant


class Recorder:
    """Counts and journals. ``journal`` None: only counts."""

    def __init__(self, journal: Journal | None) -> None:
        self.new_ids = id_maker()
        self._journal = journal

    def answered(
        self,
        variant: Variant,
        rows: Rows,
        ids: Sequence[str],
        indices: Sequence[int] | None,
        predictions: Sequence[Any],
        principal: str,
        started: float,
    ) -> None:
        """A variant's predictions for one request, or for those of its rows that ``indices`` names."""
        seconds = time.perf_counter() - started
        variant.stats.observe(seconds, len(predictions))
        if self._journal is None:
            return
        chosen, made, as_of, text = rows.values, ids, rows.as_of, rows.text
        if indices is not None:
            text = None
            chosen, made = [chosen[index] for index in indices], [made[index] for index in indices]
            as_of = [as_of[index] for index in indices] if as_of is not None else None
        served = variant.served
        reader = served.scorer.reader
        key_of = reader.key_of if rows.typed else reader.mapping_key
        line = PredictionLine(
            "predictions",
            made,
            time.time_ns() // 1000,
            served.model,
            served.number,
            variant.name,
            principal,
            [key_of(row) for row in chosen],
            chosen if text is None else msgspec.Raw(text),
            predictions,
            int(seconds * 1e6),
            as_of,
        )
        self._journal.add(self._journal.encode(line), len(predictions))

    def failed(self, variant: Variant, code: str) -> None:
        """A request that a variant failed to score."""
        variant.stats.errors += 1
        if self._journal is not None:
            served = variant.served
            line = ["error", self.new_ids(1)[0], time.time_ns() // 1000, served.model, served.number, variant.name, code]
            self._journal.add(self._journal.encode(line))
