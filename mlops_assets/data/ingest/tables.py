"""A source as one table, without storing anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.data.ingest.origins import Origins
from mlops_assets.data.ingest.typed import Read
from mlops_assets.data.schema.findings import Finding, merged, shifted
from mlops_assets.data.sources import SourceContext, Window

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.ingest.pinning import Pins
    from mlops_assets.spec.dataset import Dataset


@dataclass(frozen=True)
class SourceTable:
    """Rows of a source in their stored types, what does not fit and is null in them, and where they came from."""

    table: pa.Table
    findings: list[Finding]
    origins: Origins


def read_table(dataset: Dataset, window: Window | None, context: SourceContext, pins: Pins | None = None) -> SourceTable:
    """Rows of a data set's source for ``window`` (None: everything), after `prepare`.

    Args:
        pins: kinds of the columns at the first ingest; None: as they look.

    Raises:
        SourceError: when the source cannot be read.
        SchemaError: when its columns are not the declared or pinned ones.
    """
    import pyarrow as pa

    tables: list[pa.Table] = []
    findings: list[Finding] = []

    def again() -> None:
        tables.clear()
        findings.clear()

    read = Read(dataset, None if window is None else [window], pins, context, ())
    for first, table, found, _ in read.tables(again):
        tables.append(table)
        findings += shifted(found, first)
    return SourceTable(pa.concat_tables(tables), merged(findings), read.origins)


def read_source(dataset: Dataset, window: Window | None, context: SourceContext) -> pa.Table:
    """The rows of :func:`read_table` alone."""
    return read_table(dataset, window, context).table
