"""Which values of a column differ.

Where a column holds nothing but text, pandas takes values for equal that are so up to a NUL (``"a\\0b"`` and ``"a\\0c"``, ``""`` and
``"\\0"``): in ``factorize``, ``unique``, ``groupby`` and in hashes. numpy's own texts lose NULs at their end. What is here compares
whole values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def distinct(values: np.ndarray | pd.Series, *, sort: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Of each value the place of its like among the distinct ones (-1 where it is missing), and those.

    They stand in the order of their first, or with ``sort`` in their own. Shapes: (rows,) and (distinct values,).
    """
    import numpy as np
    import pandas as pd

    # With one value that is no text, pandas compares as Python does.
    plain = np.append(np.asarray(values, dtype=object), np.array([None], dtype=object))
    codes, found = pd.factorize(plain, sort=sort)
    return codes[:-1], found


def groups_of(frame: pd.DataFrame) -> np.ndarray:
    """Of each row the number of its group, in the order of the columns' values. Shape (rows,).

    Rows that agree in all columns are one group; a missing value agrees with another, and is the last in order.
    """
    import pandas as pd

    plain = pd.DataFrame({name: _comparable(frame[name]) for name in frame.columns}, index=frame.index)
    numbers: np.ndarray = plain.groupby(list(plain.columns), dropna=False, sort=True).ngroup().to_numpy()
    return numbers


def _comparable(column: pd.Series) -> pd.Series:
    """The column, or for text and categories whole numbers: equal where those are, and in their order."""
    import numpy as np
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, count = column.cat.codes.to_numpy(), len(column.cat.categories)
    elif pd.api.types.is_object_dtype(column.dtype) or pd.api.types.is_string_dtype(column.dtype):
        codes, found = distinct(column, sort=True)
        count = len(found)
    else:
        return column
    return pd.Series(np.where(codes < 0, count, codes.astype("int64")), index=column.index)
