"""Tables from Python values and data frames, where a column may mix types."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def from_columns(columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """A table of Python values; a column whose values have no common type becomes text."""
    import pyarrow as pa

    return pa.table({str(name): _column(values) for name, values in columns.items()})


def from_frame(frame: pd.DataFrame) -> pa.Table:
    """A table of a pandas frame without its index; NaN in float columns is missing."""
    import pandas as pd
    import pyarrow as pa

    arrays = {}
    for position, name in enumerate(frame.columns):
        series = frame.iloc[:, position]
        if pd.api.types.is_object_dtype(series.dtype) and pd.api.types.infer_dtype(series, skipna=True) == "datetime":
            arrays[str(name)] = _column([None if missing else value for value, missing in zip(series, series.isna(), strict=True)])
            continue
        try:
            array = pa.Array.from_pandas(series)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            array = _column([None if missing else value for value, missing in zip(series, series.isna(), strict=True)])
        arrays[str(name)] = array
    return pa.table(arrays)


def _column(values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    if _mixes_zones(values):
        return pa.array([None if value is None else value.isoformat() for value in values], pa.string())
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array([_text(value) for value in values], pa.string())


def _mixes_zones(values: Sequence[Any]) -> bool:
    """Whether these are times with and without a zone, which Arrow would silently take for one kind."""
    first = next((value for value in values if value is not None), None)
    if not isinstance(first, datetime):
        return False
    present = [value for value in values if value is not None]
    return all(isinstance(value, datetime) for value in present) and len({value.tzinfo is None for value in present}) > 1


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if isinstance(value, dict | list | bool) else str(value)
