"""From rows to answers: which version scores which row, on which path, and what is journaled of it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.signature import InputProblem
from mlops_assets.serving.errors import RequestError, invalid_rows
from mlops_assets.serving.identifiers import id_maker
from mlops_assets.serving.journal import PredictionLine

if TYPE_CHECKING:
    from mlops_assets.serving.batching import ScoringThread
    from mlops_assets.serving.deployment import Deployed, Variant
    from mlops_assets.serving.journal import Journal

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
        after: what is left to do when the answer is out: a shadow's turn.
    """

    predictions: list[Any]
    ids: list[str]
    versions: list[int]
    after: Callable[[], None] | None = None

    @property
    def version(self) -> int | None:
        """The version, where one scored all rows."""
        return self.versions[0] if len(set(self.versions)) == 1 else None


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one request: typed ones or mappings, with the as-of times of looked-up features (microseconds by view) where there are."""

    values: Sequence[Any]
    typed: bool
    as_of: Sequence[Mapping[str, int]] | None = None


class Predictor:
    """Scores requests on one event loop.

    Args:
        journal: where predictions are recorded; None: nowhere.
        timeout: seconds that a request may wait for the scoring thread.
    """

    def __init__(self, journal: Journal | None, timeout: float) -> None:
        self.thread: ScoringThread | None = None
        self._journal = journal
        self._timeout = timeout
        self._new_ids = id_maker()

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
        ids = self._new_ids(len(values))
        variant = pinned or deployed.champion
        if deployed.challenger is None or pinned is not None:
            if len(values) == 1 and rows.typed and (single := variant.served.scorer.single) is not None:
                prediction = self._one(variant, values[0], single)
                self._record(variant, rows, ids, None, [prediction], principal, started)
                found = Scored([prediction], ids, [variant.served.number])
            else:
                predictions = await self._group(deployed, variant, rows, range(len(values)))
                self._record(variant, rows, ids, None, predictions, principal, started)
                found = Scored(predictions, ids, [variant.served.number] * len(values))
        else:
            found = await self._split(deployed, rows, ids, routing, principal, started)
        if deployed.shadow is not None:
            found.after = self._shadow(deployed, deployed.shadow, rows, ids, principal)
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
            self._record(variant, rows, ids, indices, found, principal, started)
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
                matrix = scorer.reader.matrix(_known_to(deployed, variant, chosen))
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
            self._failed(variant, "timeout")
            raise RequestError(503, "timeout", f"Scoring took longer than {self._timeout:g} s.", headers=[(b"retry-after", b"1")]) from None
        except RequestError as error:
            self._failed(variant, error.code)
            raise
        except Exception as error:
            log.exception("version %s of %s failed to score", variant.served.number, deployed.model)
            self._failed(variant, "scoring_failed")
            raise RequestError(500, "scoring_failed", f"Version {variant.served.number} failed to score these rows.") from error
        predictions: list[Any] = found.tolist()
        if not all(math.isfinite(number) for row in predictions for number in (row if isinstance(row, list) else (row,))):
            self._failed(variant, "no_number")
            raise RequestError(500, "no_number", f"Version {variant.served.number} gave no number for some row.")
        return predictions

    def _record(
        self,
        variant: Variant,
        rows: Rows,
        ids: Sequence[str],
        indices: Sequence[int] | None,
        predictions: Sequence[Any],
        principal: str,
        started: float,
    ) -> None:
        seconds = time.perf_counter() - started
        variant.stats.observe(seconds, len(predictions))
        journal = self._journal
        if journal is None:
            return
        served = variant.served
        key_of = served.scorer.reader.key_of if rows.typed else served.scorer.reader.mapping_key
        chosen, made, as_of = rows.values, ids, rows.as_of
        if indices is not None:
            chosen, made = [chosen[index] for index in indices], [made[index] for index in indices]
            as_of = [as_of[index] for index in indices] if as_of is not None else None
        line = PredictionLine(
            "predictions",
            made,
            time.time_ns() // 1000,
            served.model,
            served.number,
            variant.name,
            principal,
            [key_of(row) for row in chosen],
            chosen,
            predictions,
            int(seconds * 1e6),
            as_of,
        )
        journal.add(journal.encode(line), len(predictions))

    def _failed(self, variant: Variant, code: str) -> None:
        variant.stats.errors += 1
        if self._journal is not None:
            served = variant.served
            line = ["error", self._new_ids(1)[0], time.time_ns() // 1000, served.model, served.number, variant.name, code]
            self._journal.add(self._journal.encode(line))

    def _shadow(self, deployed: Deployed, shadow: Variant, rows: Rows, ids: list[str], principal: str) -> Callable[[], None]:
        """The shadow's turn, on the scoring thread, so that it holds up nobody's answer."""

        async def score() -> None:
            thread, scorer = self.thread, shadow.served.scorer
            assert thread is not None
            if thread.waiting > thread.most_rows // 2:
                shadow.stats.dropped += len(ids)
                return
            begun = time.perf_counter()
            try:
                if rows.typed and deployed.uniform:
                    matrix = scorer.matrix_of(rows.values)
                else:
                    matrix = scorer.reader.matrix(_known_to(deployed, shadow, _plain(rows)))
                found = await thread.score(scorer, matrix)
                self._record(shadow, rows, ids, None, found.tolist(), principal, begun)
            except Exception as error:
                self._failed(shadow, error.code if isinstance(error, RequestError) else "scoring_failed")

        def begin() -> None:
            task = asyncio.get_running_loop().create_task(score())
            _running.add(task)
            task.add_done_callback(_running.discard)

        return begin


_running: set[asyncio.Task[None]] = set()


def _plain(rows: Rows) -> list[Mapping[str, Any]]:
    import msgspec

    return list(rows.values) if not rows.typed else msgspec.to_builtins(list(rows.values))


def _known_to(deployed: Deployed, variant: Variant, rows: Sequence[Any]) -> Sequence[Any]:
    """The rows without what only another live version takes: while versions differ, callers give what all of them need."""
    own = variant.served.scorer.reader
    others = {name for other in deployed.variants() for name in other.served.scorer.reader.names} - {*own.names, *own.entity}
    if not others:
        return rows
    return [{k: v for k, v in row.items() if k not in others} if isinstance(row, Mapping) else row for row in rows]
