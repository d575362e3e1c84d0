"""From rows to answers: which version scores which row, on which path, and what is journaled of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.signature import InputProblem
from mlops_assets.serving.batching import ScoringThread
from mlops_assets.serving.errors import RequestError, invalid_rows
from mlops_assets.serving.recording import Recorder
from mlops_assets.serving.scoring import finite
from mlops_assets.serving.shadows import Shadows

if TYPE_CHECKING:
    from mlops_assets.serving.deployment import Deployed, Variant
    from mlops_assets.serving.journal import Journal
    from mlops_assets.serving.rows import Rows

log = logging.getLogger(__name__)


class NotTyped(Exception):
    """A row that the generated decoder took and the encoder does not; it is to be read again as plain data."""


@dataclass(slots=True)
class Scored:
    """The answer to one request.

    Attributes:
        predictions: one a row: a number, or one a class.
        ids: prediction ids, one a row.
        versions: version that scored each row.
    """

    predictions: list[Any]
    ids: list[str]
    versions: list[int]

    @property
    def version(self) -> int | None:
        """The version, where one scored all rows."""
        return self.versions[0] if len(set(self.versions)) == 1 else None


class Predictor:
    """Scores requests on one event loop.

    Args:
        journal: where predictions are recorded; None: nowhere.
        timeout: seconds that a request may wait for the scoring thread.
    """

    def __init__(self, journal: Journal | None, timeout: float) -> None:
        self.thread: ScoringThread | None = None
        self.shadows: Shadows | None = None
        self._recorder = Recorder(journal)
        self._timeout = timeout

    def start(self, loop: asyncio.AbstractEventLoop, most_rows: int) -> None:
        """Begin on ``loop``; at most ``most_rows`` rows wait for the scoring thread."""
        self.thread = ScoringThread(loop, most_rows)
        self.shadows = Shadows(self._recorder, self.thread, most_rows // 10)

    async def stop(self) -> None:
        """Score what waits, then end."""
        if self.shadows is not None:
            await self.shadows.finish()
        if self.thread is not None:
            self.thread.stop()

    async def score(
        self, deployed: Deployed, rows: Rows, principal: str, started: float, *, routing: str | None = None, pinned: Variant | None = None
    ) -> Scored:
        """Score the rows of a request.

        Args:
            deployed: the picture that the request began with.
            rows: at least one.
            principal: who asks; stands in the journal.
            started: ``time.perf_counter()`` at the request's arrival.
            routing: routing key that the request gives; else each row's entity decides, and for a row without one chance.
            pinned: the variant that must answer, whatever the key.

        Raises:
            RequestError: for rows that cannot be scored.
            NotTyped: when typed rows must be read as plain data.
        """
        values = rows.values
        ids = self._recorder.new_ids(len(values))
        variant = pinned or deployed.champion
        if deployed.challenger is None or pinned is not None:
            if len(values) == 1 and rows.typed and (single := variant.served.scorer.single) is not None:
                prediction = self._one(variant, values[0], single)
                self._recorder.answered(variant, rows, ids, None, [prediction], principal, started)
                found = Scored([prediction], ids, [variant.served.number])
            else:
                predictions = await self._group(deployed, variant, rows, range(len(values)))
                self._recorder.answered(variant, rows, ids, None, predictions, principal, started)
                found = Scored(predictions, ids, [variant.served.number] * len(values))
        else:
            found = await self._split(deployed, rows, ids, routing, principal, started)
        if deployed.shadow is not None:
            assert self.shadows is not None
            self.shadows.add(deployed, deployed.shadow, rows, ids, principal)
        return found

    def _one(self, variant: Variant, row: Any, single: Any) -> Any:
        scorer = variant.served.scorer
        try:
            encoded = scorer.reader.encode(row)
        except ValueError:
            raise NotTyped from None
        result = single.score(encoded)
        return result[0] if scorer.outputs == 1 else result

    async def _split(self, deployed: Deployed, rows: Rows, ids: list[str], routing: str | None, principal: str, started: float) -> Scored:
        reader = deployed.champion.served.scorer.reader
        key_of = reader.key_of if rows.typed else reader.mapping_key
        groups: dict[str, tuple[Variant, list[int]]] = {}
        for index, row in enumerate(rows.values):
            key = routing if routing is not None else (key_of(row) if rows.typed or isinstance(row, Mapping) else None)
            chosen = deployed.choose(key if key is not None else ids[index])
            groups.setdefault(chosen.name, (chosen, []))[1].append(index)
        predictions: list[Any] = [None] * len(ids)
        versions = [0] * len(ids)
        problems: list[InputProblem] = []
        done: list[tuple[Variant, list[int], list[Any]]] = []
        for variant, indices in groups.values():
            try:
                done.append((variant, indices, await self._group(deployed, variant, rows, indices)))
            except RequestError as error:
                if not error.problems:
                    raise
                problems.extend(error.problems)
        if problems:
            raise invalid_rows(sorted(problems, key=lambda p: (p.row is None, p.row or 0)))
        for variant, indices, found in done:
            for index, prediction in zip(indices, found, strict=True):
                predictions[index] = prediction
                versions[index] = variant.served.number
            self._recorder.answered(variant, rows, ids, indices, found, principal, started)
        return Scored(predictions, ids, versions)

    async def _group(self, deployed: Deployed, variant: Variant, rows: Rows, indices: Sequence[int]) -> list[Any]:
        """Predictions of one variant for some of the rows."""
        scorer = variant.served.scorer
        chosen = [rows.values[index] for index in indices]
        if rows.typed:
            try:
                matrix = scorer.matrix_of(chosen)
            except ValueError:
                raise NotTyped from None
        else:
            try:
                matrix = scorer.reader.matrix(deployed.known_to(variant, chosen))
            except RequestError as error:
                moved = [InputProblem(None if p.row is None else indices[p.row], p.field, p.message) for p in error.problems]
                raise invalid_rows(moved) from None
        try:
            if scorer.inline(len(chosen)):
                found = scorer.score_matrix(matrix)
            else:
                assert self.thread is not None
                async with asyncio.timeout(self._timeout):
                    found = await self.thread.score(scorer, matrix)
        except TimeoutError:
            self._recorder.failed(variant, "timeout")
            raise RequestError(503, "timeout", f"Scoring took longer than {self._timeout:g} s.", headers=[(b"retry-after", b"1")]) from None
        except RequestError as error:
            self._recorder.failed(variant, error.code)
            raise
        except Exception as error:
            log.exception("version %s of %s failed to score", variant.served.number, deployed.model)
            self._recorder.failed(variant, "scoring_failed")
            raise RequestError(500, "scoring_failed", f"Version {variant.served.number} failed to score these rows.") from error
        if not finite(found):
            self._recorder.failed(variant, "no_number")
            raise RequestError(500, "no_number", f"Version {variant.served.number} gave no number for some row.")
        predictions: list[Any] = found.tolist()
        return predictions
