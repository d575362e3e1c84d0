"""Where in a source's files a value stands: ``data/a.csv:7``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from mlops_assets.data.sources import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset

LARGEST = 200 * 2**20
"""Files of more bytes than this in all are not looked through for a line."""


def places(
    dataset: Dataset, context: SourceContext, column: str, values: set[str], *, window: Window | None = None, limit: int = 3
) -> list[str]:
    """File and line of the first rows that have one of ``values`` in a column, with the value; none where the source has no lines."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from mlops_assets.data.sources import read_pieces

    found: list[str] = []
    seen = 0
    try:
        for piece in read_pieces(dataset, window, context):
            seen += piece.table.nbytes
            if not piece.text or seen > LARGEST:
                return found
            if piece.line_of is None or piece.origin is None or column not in piece.table.column_names:
                continue
            cells = piece.table.column(column)
            for row in pc.indices_nonzero(pc.is_in(cells, value_set=pa.array(sorted(values), pa.string()))).to_pylist():
                found.append(f"{shown(piece.origin, context)}:{piece.line_of(piece.first + row)} `{cells[row].as_py()}`")
                if len(found) == limit:
                    return found
    except (MlopsError, OSError):
        pass
    return found


def shown(file: str, context: SourceContext) -> str:
    """A file as its project has it."""
    return os.path.relpath(file, context.project) if Path(file).is_relative_to(context.project) else file
