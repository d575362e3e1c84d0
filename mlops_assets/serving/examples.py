"""Rows to compare scoring paths on: a sample of the rows that a version was judged with, and made-up ones at the edges of its features."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from mlops_assets.errors import MlopsError
from mlops_assets.modeling.requests.edges import edge_rows

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.data.store import Store
    from mlops_assets.modeling.bundle import Bundle

SAMPLE = 200
MOST_ROWS = 300_000
"""A larger training set is not read for a comparison: a version must be ready within a second."""


def rows_to_compare(bundle: Bundle, store: Store | None) -> pd.DataFrame:
    """Up to :data:`SAMPLE` holdout rows of the training set that the bundle came from, where the store still has it, and edge cases."""
    import pandas as pd

    edges = edge_rows(bundle)
    stored = None
    if store is not None:
        with contextlib.suppress(MlopsError, OSError):
            stored = _holdout(bundle, store)
    return edges if stored is None or stored.empty else pd.concat([stored, edges], ignore_index=True)


def _holdout(bundle: Bundle, store: Store) -> pd.DataFrame | None:
    import pyarrow.compute as pc

    origin = bundle.provenance
    manifest = store.manifest(f"{origin.model}/training_set", origin.as_of, origin.training_set)
    if manifest.rows > MOST_ROWS:
        return None
    table = store.read(manifest, [*bundle.signature.names, "__split"])
    table = table.filter(pc.equal(table.column("__split"), "holdout")).drop_columns(["__split"])
    step = max(1, table.num_rows // SAMPLE)
    frame: pd.DataFrame = table.take(list(range(0, table.num_rows, step))[:SAMPLE]).to_pandas()
    return frame
