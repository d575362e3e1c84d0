"""Cutting rows into the slices of a column, so that a metric can be read for each."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.distinct import distinct
from mlops_assets.modeling.signature import ModelingError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, np.dtype[Any]]

MAX_VALUES = 20
"""A number with more distinct values is cut at its quartiles; of other columns the most frequent values count."""
MISSING, OTHER = "(missing)", "(other)"


def slices_of(table: pd.DataFrame, column: str) -> list[tuple[str, Array]]:
    """Each value of ``column`` with the mask of its rows ``(n,)``, in a fixed order; missing values are a slice too.

    Numbers with more than :data:`MAX_VALUES` distinct values are cut at their quartiles; of text with more, the rarest
    values are taken together as ``(other)``.

    Raises:
        ModelingError: when the training set does not carry the column.
    """
    import numpy as np
    import pandas as pd

    if column not in table:
        present = sorted(c for c in table.columns if not c.startswith("__"))
        raise ModelingError(f"the training set has no column {column!r} to slice by.", valid=present)
    values = table[column]
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    missing = values.isna().to_numpy()
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if numeric and values.nunique() > MAX_VALUES:
        found = _quartiles(values)
    else:
        codes, labels = distinct(values.map(_label).mask(missing, None), sort=True)
        kept = np.arange(len(labels))
        if len(labels) > MAX_VALUES:
            counts = np.bincount(codes[~missing], minlength=len(labels))
            kept = np.sort(np.argsort(-counts, kind="stable")[: MAX_VALUES - 1])
        found = [(labels[code], codes == code) for code in kept]
        if len(kept) < len(labels):
            found.append((OTHER, ~np.isin(codes, kept) & ~missing))
    return found + ([(MISSING, missing)] if missing.any() else [])


def _quartiles(values: pd.Series) -> list[tuple[str, Array]]:
    import numpy as np

    numbers = values.to_numpy(float, na_value=np.nan)
    edges = np.unique(np.nanquantile(numbers, [0, 0.25, 0.5, 0.75, 1]))
    slices = []
    for position, (low, high) in enumerate(pairwise(edges)):
        last = position == len(edges) - 2
        inside = (numbers >= low) & ((numbers <= high) if last else (numbers < high))
        slices.append((f"{low:g} to {high:g}" + ("" if last else ", below"), inside))
    return slices


def _label(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
