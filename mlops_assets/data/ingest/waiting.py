"""Rows of a range of partitions that wait until all of the source was read, each piece cut by partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mlops_assets.data.ingest.routing import Router
from mlops_assets.data.ingest.spool import Spool
from mlops_assets.data.schema.findings import Finding, cut_out, moved, shifted

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.data.sources.pieces import Piece
    from mlops_assets.spec.dataset import Dataset

_ROW = "__row"
"""Column of waiting rows with their number in the source."""


class Waiting:
    """Typed pieces by partition.

    Attributes:
        left_out: rows that belong to none of the partitions, by cause.
        unreadable: findings about event times, by number of the row in the source.
    """

    def __init__(self, dataset: Dataset, keys: list[str], spool: Spool) -> None:
        self.keys = keys
        self._dataset, self._router, self._spool = dataset, Router(dataset, keys), spool
        self.clear()

    def clear(self) -> None:
        """Forget all pieces."""
        import numpy as np

        self._spool.clear()
        self.left_out: Counter[str] = Counter()
        self.unreadable: list[Finding] = []
        self._findings: list[list[Finding]] = []
        self._edges: list[np.ndarray] = []
        self._read = np.zeros(len(self.keys), dtype=np.int64)
        self._own: dict[str, Counter[str]] = {}

    def add(self, typed: pa.Table, findings: list[Finding], first: int, piece: Piece) -> None:
        """Take the rows of a piece, the first of which is number ``first`` of the source."""
        import numpy as np
        import pyarrow as pa

        times = [finding for finding in findings if finding.column == self._dataset.event_time]
        missing = typed.column(str(self._dataset.event_time)).is_null().to_numpy(zero_copy_only=False)
        unreadable = np.unique(np.concatenate([finding.rows[missing[finding.rows]] for finding in times])) if times else np.array([], int)
        self.unreadable += shifted(times, first)
        routed = self._router.route(typed, unreadable, piece.partition)
        self.left_out.update(routed.left_out)
        self._read += np.bincount(routed.groups, minlength=len(self.keys))
        if piece.partition is not None:
            left = Counter(piece.left_out) + routed.left_out
            self._own[piece.partition] = self._own.get(piece.partition, Counter()) + left
            self._read[self.keys.index(piece.partition)] += sum(left.values())
        chosen = routed.chosen
        rows = typed.append_column(_ROW, pa.array(np.arange(first, first + typed.num_rows)))
        if len(chosen) != typed.num_rows or (chosen[1:] < chosen[:-1]).any():
            rows, findings = rows.take(pa.array(chosen)), moved(findings, chosen, typed.num_rows)
        self._spool.add(rows)
        self._findings.append(findings)
        self._edges.append(np.searchsorted(routed.groups, np.arange(len(self.keys) + 1)))

    def read(self, keys: Sequence[str]) -> dict[str | None, int]:
        """How many rows of the source each partition is made of."""
        return {key: int(self._read[self.keys.index(key)]) for key in keys}

    def own(self, keys: Sequence[str]) -> dict[str | None, Mapping[str, int]]:
        """Rows of partitions that have files of their own which are left out, by cause."""
        return {key: dict(self._own[key]) for key in keys if key in self._own}

    def groups(self, limit: int | None) -> Iterator[range]:
        """Runs of partitions, by number, of about ``limit`` bytes each; None: all at once."""
        if limit is None or not self._spool.total:
            yield range(len(self.keys))
            return
        rows = limit * self._spool.total // self._spool.bytes
        start, waiting = 0, 0
        for number in range(len(self.keys)):
            there = sum(int(edges[number + 1] - edges[number]) for edges in self._edges)
            if waiting and waiting + there > rows:
                yield range(start, number)
                start, waiting = number, 0
            waiting += there
        yield range(start, len(self.keys))

    def rows(self, group: range) -> tuple[pa.Table, list[Finding], np.ndarray, np.ndarray]:
        """The rows of a group of partitions as their pieces have them: table, findings, number in the source, number of the partition."""
        import numpy as np
        import pyarrow as pa

        tables: list[pa.Table] = []
        findings: list[Finding] = []
        groups: list[np.ndarray] = []
        before = 0
        for number, (found, edges) in enumerate(zip(self._findings, self._edges, strict=True)):
            start, end = int(edges[group.start]), int(edges[group.stop])
            if start == end and (tables or number < len(self._edges) - 1):
                continue
            tables.append(self._spool.table(number).slice(start, end - start))
            findings += shifted(cut_out(found, start, end), before - start)
            groups.append(np.repeat(np.arange(group.start, group.stop), np.diff(edges[group.start : group.stop + 1])))
            before += end - start
        whole = pa.concat_tables(tables)
        return whole.drop_columns([_ROW]), findings, whole.column(_ROW).to_numpy(), np.concatenate(groups)
