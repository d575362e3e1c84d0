"""Rows to compare scoring paths on: a sample of the rows that a version was judged with, and made-up ones at the edges of its features."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.data.store import Store
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.encoding import FittedFeature

SAMPLE = 200
MOST_ROWS = 300_000
"""A larger training set is not read for a comparison: a version must be ready within a second."""

_NUMBERS = (0.0, 1.0, -1.0, 0.1, 1e-300, 1e18, 37.0, 512.5)
_WHOLE = (0, 1, -1, 7, 1000, 2**53, -(2**62), 37)
_MOMENTS = ("1970-01-01T00:00:00+00:00", "2026-01-31T23:59:59.999999+00:00", "1969-12-31T23:00:00+00:00", "2024-02-29T12:30:00+00:00")


def rows_to_compare(bundle: Bundle, store: Store | None) -> pd.DataFrame:
    """Up to :data:`SAMPLE` holdout rows of the training set that the bundle came from, where the store still has it, and edge cases."""
    import pandas as pd

    edges = edge_rows(bundle)
    stored = None
    if store is not None:
        with contextlib.suppress(MlopsError, OSError):
            stored = _holdout(bundle, store)
    return edges if stored is None or stored.empty else pd.concat([stored, edges], ignore_index=True)


def edge_rows(bundle: Bundle) -> pd.DataFrame:
    """Rows that meet every known category, an unknown one, missing values and extreme numbers of every feature."""
    import pandas as pd

    rows = max(16, *(len(f.categories or ()) + 2 for f in bundle.encoder.fitted))
    rows = min(rows, 5 * SAMPLE)
    columns: dict[str, Any] = {}
    for place, fitted in enumerate(bundle.encoder.fitted):
        values = _edge_values(fitted)
        columns[fitted.feature.name] = pd.Series([values[(index + place) % len(values)] for index in range(rows)], dtype=object)
    return pd.DataFrame(columns)


def _edge_values(fitted: FittedFeature) -> list[Any]:
    feature = fitted.feature
    lost: list[Any] = [None] if feature.nullable else []
    if fitted.categories is not None:
        return [*fitted.categories, "\N{SNOWMAN} never seen", *lost]
    if feature.type == "bool":
        return [True, False, *lost]
    if feature.type == "int64":
        return [*_WHOLE, *lost]
    if feature.type == "datetime":
        return [*_MOMENTS, *lost]
    if feature.type == "date":
        return [*(moment[:10] for moment in _MOMENTS), *lost]
    return [*_NUMBERS, *lost]


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
