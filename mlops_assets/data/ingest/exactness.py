"""Columns that nobody declared and that were pinned as numbers or dates, though what is written is more than these hold.

Reading with the pinned type gives the stored value again, and so hides it: `12345678901234567891` is `1.2345678901234567e+19` as float64,
`007` is `7` as int64, and a time of day is gone in a date. So the values are held against what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from mlops_assets.data.ingest.reading import windows
from mlops_assets.data.ingest.routing import Router
from mlops_assets.data.ingest.typed import Read

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.data.ingest.pinning import Pins
    from mlops_assets.data.sources import SourceContext
    from mlops_assets.data.sources.pieces import Piece
    from mlops_assets.spec.dataset import Dataset

EXAMPLES = 3

_CODE = r"^[+-]?0[0-9]"
_LONG = r"^[+-]?[0-9]{16,}(\.0*)?$"
_TIME_OF_DAY = r"^[0-9]{4}-?[0-9]{2}-?[0-9]{2}[T ][0-9:.]*[1-9]"
_WRITTEN = {"int64": _CODE, "float64": f"{_CODE}|{_LONG}", "date": _TIME_OF_DAY}
"""Of each kind which texts may be more than it holds."""


@dataclass
class Inexact:
    """Cells of a column in a partition that are not what is written: how many, and some of them as (stored, written).

    ``refused`` says that they are violations today, so that only earlier versions have stored them.
    """

    partition: str | None
    column: str
    kind: str
    refused: bool
    count: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)


def inexact(dataset: Dataset, keys: Sequence[str] | None, pins: Pins, context: SourceContext) -> list[Inexact]:
    """What the pinned types of undeclared columns hide, by partition and column, in order. Nothing is said of rows after `prepare`.

    Args:
        keys: partitions, sorted by time; None: the whole table.

    Raises:
        SourceError: when the source cannot be read.
        SchemaError: when its columns are not the declared or pinned ones.
    """
    doubtful = [name for name, kind in pins.columns.items() if kind in _WRITTEN and name not in dataset.columns]
    if dataset.prepare is not None or not doubtful or keys == []:
        return []
    found: dict[tuple[str | None, str, bool], Inexact] = {}
    for partition_of, typed, piece in _pieces(dataset, keys, pins, context):
        for name in doubtful:
            if name not in piece.table.column_names:
                continue
            kind = pins.columns[name]
            for row, stored, written, refused in _lossy(piece.table.column(name), typed.column(name), kind):
                partition = partition_of(row)
                if partition is _NOWHERE:
                    continue
                one = found.setdefault((partition, name, refused), Inexact(partition, name, kind, refused))
                one.count += 1
                if len(one.examples) < EXAMPLES and (stored, written) not in one.examples:
                    one.examples.append((stored, written))
    order = {key: number for number, key in enumerate(keys or ())}
    return sorted(found.values(), key=lambda one: (order.get(one.partition or "", 0), doubtful.index(one.column)))


_NOWHERE: Any = object()

_Located = tuple[Callable[[int], Any], "pa.Table", "Piece"]


def _pieces(dataset: Dataset, keys: Sequence[str] | None, pins: Pins, context: SourceContext) -> Iterator[_Located]:
    """What says of each row in which partition it is, the typed rows, and the piece that they come from."""
    import numpy as np

    calendar = dataset.calendar
    if keys is None or calendar is None:
        for _, typed, _, piece in Read(dataset, None, pins, context, ()).tables(lambda: None):
            yield partial(_always, None), typed, piece
    elif dataset.kind == "snapshot":
        for key in keys:
            window = (calendar.start_of(key), calendar.end_of(key))
            for _, typed, _, piece in Read(dataset, [window], pins, context, ()).tables(lambda: None):
                yield partial(_always, key), typed, piece
    else:
        router = Router(dataset, [*keys])
        for _, typed, _, piece in Read(dataset, windows(dataset, [*keys], context), pins, context, ()).tables(lambda: None):
            routed = router.route(typed, np.array([], int), piece.partition)
            places = np.full(typed.num_rows, -1)
            places[routed.chosen] = routed.groups
            yield _partition_at(places, keys), typed, piece


def _always(key: str | None, row: int) -> str | None:
    return key


def _partition_at(places: np.ndarray, keys: Sequence[str]) -> Callable[[int], Any]:
    return lambda row: _NOWHERE if places[row] < 0 else keys[int(places[row])]


def _lossy(raw: pa.ChunkedArray, typed: pa.ChunkedArray, kind: str) -> Iterator[tuple[int, str, str, bool]]:
    """Positions of cells whose value is not what the source has, with both, and whether they are violations today."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    doubtful: Any = None
    if pa.types.is_string(raw.type):
        doubtful = pc.match_substring_regex(raw, _WRITTEN[kind])
    elif kind == "float64" and (pa.types.is_decimal(raw.type) or pa.types.is_integer(raw.type)):
        doubtful = raw.is_valid()
    elif kind == "date" and pa.types.is_timestamp(raw.type):
        doubtful = pc.not_equal(raw, pc.floor_temporal(raw, unit="day"))
    if doubtful is None:
        return
    rows = np.flatnonzero(pc.fill_null(doubtful, False).to_numpy(zero_copy_only=False))
    chosen = pa.array(rows)
    for row, written, value in zip(rows, raw.take(chosen).to_pylist(), typed.take(chosen).to_pylist(), strict=True):
        stored = _as_before(written, kind) if value is None else value
        if stored is not None and (kind == "date" or not _is(stored, written)):
            yield int(row), repr(stored) if kind == "float64" else str(stored), str(written), value is None


def _as_before(written: Any, kind: str) -> Any:
    """What a cell that is refused today was stored as."""
    if kind == "date":
        return str(written)[:10]
    try:
        return float(written) if kind == "float64" else int(written)
    except ValueError:
        return None


def _is(value: float, written: Any) -> bool:
    """Whether a stored number is what is written: all of its digits where it is whole, else the shortest writing of it."""
    if isinstance(written, str) and _starts_like_a_code(written.lstrip("+-")):
        return False
    number = Decimal(written)
    return (Decimal(value) if number == number.to_integral_value() else Decimal(repr(value))) == number


def _starts_like_a_code(digits: str) -> bool:
    return len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
