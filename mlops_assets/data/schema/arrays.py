"""Small things that are done with Arrow arrays wherever values are converted or checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def is_text(kind: pa.DataType) -> bool:
    """Whether values of this type are text."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind))


def attempt(values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray | None:
    """Values in another type; None if some value does not fit it."""
    import pyarrow as pa

    try:
        return values.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def where_true(mask: Any) -> np.ndarray:
    """A boolean Arrow array as one of numpy; null counts as false."""
    import pyarrow as pa
    import pyarrow.compute as pc

    flat = mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask
    rows: np.ndarray = pc.fill_null(flat, False).to_numpy(zero_copy_only=False)
    return rows


def where(rows: np.ndarray, length: int) -> pa.Array:
    """Positions of rows as a boolean Arrow array over all of them."""
    import numpy as np
    import pyarrow as pa

    mask = np.zeros(length, dtype=bool)
    mask[rows] = True
    return pa.array(mask)


def encoded(values: pa.ChunkedArray) -> pa.DictionaryArray:
    """The distinct values, and for each row which of them it has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    result = pc.dictionary_encode(values.combine_chunks())
    return result.combine_chunks() if isinstance(result, pa.ChunkedArray) else result
