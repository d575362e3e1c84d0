"""A source as one table, without storing anything: for a look at it, and for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.data.ingest.typed import Read
from mlops_assets.data.sources import SourceContext, Window

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.ingest.pinning import Pins
    from mlops_assets.spec.dataset import Dataset


def read_source(dataset: Dataset, window: Window | None, context: SourceContext, pins: Pins | None = None) -> pa.Table:
    """Rows of a data set's source for ``window`` (None: everything) in their stored types, after `prepare`; what does not fit is null.

    Raises:
        SourceError: when the source cannot be read.
        SchemaError: when its columns are not the declared or pinned ones.
    """
    import pyarrow as pa

    tables: list[pa.Table] = []
    for _, table, _, _ in Read(dataset, None if window is None else [window], pins, context, ()).tables(tables.clear):
        tables.append(table)
    return pa.concat_tables(tables) if tables else pa.table({})
