"""Tables of the simulated shop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.data.sources.pieces import Pieces, cut

if TYPE_CHECKING:
    from mlops_assets.data.sources.context import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.sources import SimulatorSource


def read(source: SimulatorSource, dataset: Dataset, window: Window | None, context: SourceContext) -> Pieces:
    """Rows of the window; for a snapshot the roster as it stood at the window's end.

    Raises:
        SourceError: without a window, since the shop has no end, and for snapshots more often than daily.
    """
    from mlops_assets.examples.shop import table

    if window is None:
        if dataset.partitions is None or dataset.partitions.end is None:
            raise SourceError("the simulated shop never ends.", where=dataset.name, do="Give the data set partitions.")
        window = (_midnight(dataset.partitions.start), _midnight(dataset.partitions.end))
    start, end = window
    if dataset.kind == "snapshot":
        if dataset.partitions is not None and dataset.partitions.every == "hour":
            raise SourceError("the simulated shop's roster changes daily.", where=dataset.name, valid=("day", "week", "month"))
        start = max(start, end - timedelta(days=1))
    return cut(table(source.table, start, end, customers=source.customers, seed=source.seed, shift_at=source.shift_at))


def _midnight(day: object) -> datetime:
    return datetime.fromisoformat(str(day)).replace(tzinfo=UTC)


SOURCE = SourceKind(read, has_history=lambda *_: True)
