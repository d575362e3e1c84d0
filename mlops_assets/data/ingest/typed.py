"""The pieces of a source in the kinds that are declared and pinned."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from mlops_assets.data.ingest.origins import Origins, Stamp, stamp
from mlops_assets.data.ingest.pinning import Pins
from mlops_assets.data.ingest.preparing import prepared
from mlops_assets.data.schema.columns import Casting
from mlops_assets.data.schema.findings import Finding
from mlops_assets.data.sources import SourceContext, Window, read_pieces, rereadable
from mlops_assets.data.sources.pieces import Piece, Pieces

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset


class Read:
    """One read of a source.

    Attributes:
        origins: where the rows came from, once they were read.
    """

    def __init__(
        self, dataset: Dataset, windows: Sequence[Window] | None, pins: Pins | None, context: SourceContext, entities: Collection[str]
    ) -> None:
        self._dataset, self._windows, self._pins, self._context = dataset, windows, pins, context
        self._casting = Casting(dataset, pins.columns if pins else None, entities)
        self._read_kinds = pins.read if pins else None
        self._prepared_from: dict[str, Stamp] = {}
        self.origins = Origins(context.project)

    @property
    def pins(self) -> Pins:
        """The kinds of all columns, and of those that `prepare` got."""
        return Pins(self._casting.kinds, self._read_kinds)

    def tables(self, again: Callable[[], None]) -> Iterator[tuple[int, pa.Table, list[Finding], Piece]]:
        """Number of the first row, typed rows, what does not fit in them, and the piece that they are made of.

        Args:
            again: called where everything comes once more, since a later piece changed the kind of a column.
        """
        read = self._source()
        while True:
            self.origins = Origins(self._context.project, self._prepared_from)
            for piece in self._pieces(read()):
                first = self.origins.add(piece)
                taken = self._casting.take(piece.table, text=piece.text, sparse=piece.sparse, written=piece.written, where=piece.origin)
                if taken is not None:
                    yield first, *taken, piece
            if not self._casting.again:
                break
            self._casting.restart()
            again()
        self._casting.finish()

    def _pieces(self, given: Pieces) -> Pieces:
        """The pieces that are given, at least one."""
        import pyarrow as pa

        empty = True
        for piece in given:
            empty = False
            yield piece
        if empty:
            yield Piece(pa.table({}), sparse=True)

    def _source(self) -> Callable[[], Pieces]:
        """What gives the pieces, each time that it is called."""

        def read() -> Pieces:
            for window in [None] if self._windows is None else self._windows:
                yield from read_pieces(self._dataset, window, self._context)

        def noting() -> Pieces:
            for piece in read():
                if piece.origin is not None and piece.origin not in self._prepared_from:
                    self._prepared_from[piece.origin] = stamp(piece.origin)
                yield piece

        if self._dataset.prepare is not None:
            pieces, self._read_kinds = prepared(self._dataset, self._dataset.prepare, noting, self._read_kinds, self._context)
            return lambda: iter(pieces)
        if rereadable(self._dataset):
            return read
        kept = list(read())
        return lambda: iter(kept)
