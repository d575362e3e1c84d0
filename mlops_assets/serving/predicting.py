"""From rows to answers: each version scores the rows that are its own, on the path that it has, and what it said is journaled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_assets.modeling.requests.errors import RequestError, invalid_rows
from mlops_assets.modeling.requests.reader import Rows
from mlops_assets.modeling.signature import InputProblem
from mlops_assets.serving.batching import ScoringThread
from mlops_assets.serving.recording import Recorder
from mlops_assets.serving.routing import given_key
from mlops_assets.serving.scoring import finite
from mlops_assets.serving.shadows import Shadows

if TYPE_CHECKING:
    from mlops_assets.serving.journal import Journal
    from mlops_assets.serving.requests import Call, Limits
    from mlops_assets.serving.routing import Deployed, Variant

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
        limits: rows that a request may hold and that may wait, and how long scoring may take.
    """

    def __init__(self, journal: Journal | None, limits: Limits) -> None:
        self.thread: ScoringThread | None = None
        self.shadows: Shadows | None = None
        self._recorder = Recorder(journal)
        self._limits = limits

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin on ``loop``."""
        self.thread = ScoringThread(loop, self._limits.waiting)
        self.shadows = Shadows(self._recorder, self.thread, self._limits.waiting // 10)

    async def stop(self) -> None:
        """Score what waits, then end."""
        if self.shadows is not None:
            await self.shadows.finish()
        if self.thread is not None:
            self.thread.stop()

    async def score(self, call: Call, deployed: Deployed, rows: Rows, pinned: Variant | None = None) -> Scored:
        """Score the rows of a request.

        Args:
            call: the request.
            deployed: the picture that it began with.
            rows: its rows.
            pinned: the variant that must answer, whatever the key.

        Raises:
            RequestError: for no rows, too many, rows that cannot be scored, or a version that fails or takes too long.
        """
        count = len(rows.values)
        if count == 0:
            raise RequestError(422, "no_rows", "There is no row to score.")
        if count > self._limits.rows:
            raise RequestError(413, "too_many_rows", f"{count} rows are more than the {self._limits.rows} that a request may hold.")
        routing = given_key(call) if deployed.only is None else None
        try:
            return await self._score(deployed, rows, call.principal, call.started, routing, pinned)
        except NotTyped:
            plain = Rows(msgspec.to_builtins(rows.values), False, rows.as_of)
            return await self._score(deployed, plain, call.principal, call.started, routing, pinned)

    async def _score(
        self, deployed: Deployed, rows: Rows, principal: str, started: float, routing: str | None, pinned: Variant | None
    ) -> Scored:
        values = rows.values
        ids = self._recorder.new_ids(len(values))
        variant = pinned or deployed.only
        if variant is not None:
            if len(values) == 1 and rows.typed and variant.served.scorer.single is not None:
                prediction = self._one(variant, values[0])
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

    def _one(self, variant: Variant, row: Any) -> Any:
        scorer = variant.served.scorer
        try:
            encoded = scorer.reader.encode(row)
        except ValueError:
            raise NotTyped from None
        return scorer.score_row(encoded)

    async def _split(self, deployed: Deployed, rows: Rows, ids: list[str], routing: str | None, principal: str, started: float) -> Scored:
        predictions: list[Any] = [None] * len(ids)
        versions = [0] * len(ids)
        problems: list[InputProblem] = []
        done: list[tuple[Variant, list[int], list[Any]]] = []
        for variant, indices in deployed.split(rows, ids, routing):
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
                matrix = scorer.reader.typed_matrix(chosen)
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
                async with asyncio.timeout(self._limits.timeout):
                    found = await self.thread.score(scorer, matrix)
        except TimeoutError:
            self._recorder.failed(variant, "timeout")
            raise RequestError(
                503, "timeout", f"Scoring took longer than {self._limits.timeout:g} s.", headers=[(b"retry-after", b"1")]
            ) from None
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
