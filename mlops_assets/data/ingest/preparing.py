"""What the `prepare` function of a data set makes of its rows: it gets all of them at once, in types that stay the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from mlops_assets.data.schema.columns import Casting, declared_kind, undeclared
from mlops_assets.data.schema.conversion import convert
from mlops_assets.data.schema.inference import Inferred, TextColumn
from mlops_assets.data.schema.problems import Problems
from mlops_assets.data.sources import SourceContext, SourceError
from mlops_assets.data.sources.functions import prepare
from mlops_assets.data.sources.pieces import Piece, Pieces, cut

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.columns import SourceColumn
    from mlops_assets.spec.dataset import Dataset


def prepared(
    dataset: Dataset, reference: str, read: Callable[[], Pieces], pinned: Mapping[str, str] | None, context: SourceContext
) -> tuple[list[Piece], dict[str, str] | None]:
    """The pieces after `prepare`, and the kinds in which it got the columns of a source of text.

    Args:
        read: gives the pieces of the source.
        pinned: kinds of the first read.

    Raises:
        SourceError: when the function fails, or a value is not of the kind that its column had at the first read.
    """
    import pyarrow as pa

    pieces = list(read())
    left_out = [piece.left_out for piece in pieces if piece.left_out]
    if not all(piece.text for piece in pieces):
        tables, kinds = [piece.table for piece in pieces], None
    else:
        tables, kinds = _typed(dataset, pieces, pinned)
    whole = pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
    rows = list(cut(prepare(reference, whole, context)))
    for counted in left_out:
        rows.append(Piece(rows[0].table.slice(0, 0), left_out=counted))
    return rows, kinds


def _typed(dataset: Dataset, pieces: list[Piece], pinned: Mapping[str, str] | None) -> tuple[list[pa.Table], dict[str, str]]:
    casting = _AsRead(dataset, pinned)
    while True:
        tables = []
        for piece in pieces:
            nested = [name for name, kinds in piece.written.items() if "nested" in kinds]
            plain = piece.table.drop_columns(nested)
            taken = casting.take(plain, text=True, sparse=piece.sparse, written=piece.written, where=piece.origin)
            if taken is None:
                continue
            table, findings = taken
            if findings:
                bad = findings[0]
                row = int(bad.rows[0])
                line = None if piece.line_of is None else piece.line_of(piece.first + row)
                shown = "" if bad.values is None else f" {bad.values[0].as_py()!r}"
                raise SourceError(
                    f"column {bad.column!r} was read as {casting.kinds[bad.column]} before, and row {piece.first + row + 1} holds{shown}.",
                    where=f"{piece.origin or dataset.name}{'' if line is None else f':{line}'}",
                    do=f"Declare the type that prepare should get, or let go of the pinned columns with mlops store unpin {dataset.name}.",
                )
            for name in nested:
                table = table.append_column(name, _values(piece.table.column(name)))
            tables.append(table)
        if not casting.again:
            return tables, casting.kinds
        casting.restart()


def _values(written: pa.ChunkedArray) -> pa.Array:
    """Lists and objects as values, which `prepare` may flatten."""
    import json

    import pyarrow as pa

    values = [None if text is None else json.loads(text) for text in written.to_pylist()]
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return written.combine_chunks()


class _AsRead(Casting):
    """Columns before `prepare`: declared ones in their type where every value fits it, else as they look."""

    def __init__(self, dataset: Dataset, pinned: Mapping[str, str] | None) -> None:
        super().__init__(undeclared(dataset), pinned)
        self._declared = dataset

    def _column(self, name: str, text: bool) -> Inferred:
        column = self._declared.columns.get(name)
        if column is None or (column.type == "decimal" and column.scale is None):
            return TextColumn(self._dataset.timezone)
        return _AsDeclared(column, declared_kind(self._declared, name), self._dataset.timezone)

    def _declaration(self, name: str, kind: str) -> SourceColumn | None:
        column = self._declared.columns.get(name)
        return column if column is not None and kind == declared_kind(self._declared, name) else None


class _AsDeclared:
    """A declared column before `prepare`, which may hold what only that function makes valid."""

    def __init__(self, column: SourceColumn, kind: str, timezone: str) -> None:
        self.kind = kind
        self._column, self._timezone = column, timezone

    def see(self, values: pa.ChunkedArray, written: Collection[str]) -> pa.ChunkedArray | None:
        """Take more values; where one does not fit, the column is text."""
        if self.kind == "string":
            return None
        problems = Problems()
        found = convert(values, self.kind, column=self._column, timezone=self._timezone, problems=problems)
        if not problems.found:
            return found
        self.kind = "string"
        return None
