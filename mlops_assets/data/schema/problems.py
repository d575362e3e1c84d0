"""Values that do not fit the type that is wanted, by the rule that they break."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_assets.data.schema.arrays import where_true

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass
class Problems:
    """Which values do not fit, by rule: boolean masks over the rows.

    ``zones`` has what the ISO texts of a column of times were: True where one names its zone, False where one does not. Both are read,
    but a column that mixes them is suspicious as a whole, which no cell can say.
    """

    found: list[tuple[str, np.ndarray]] = field(default_factory=list)
    zones: set[bool] = field(default_factory=set)

    def add(self, rule: str, mask: Any) -> None:
        """Note the rows of a boolean Arrow array (null counts as false), if there are any."""
        rows = where_true(mask)
        if not rows.any():
            return
        for position, (known, others) in enumerate(self.found):
            if known == rule:
                self.found[position] = (rule, others | rows)
                return
        self.found.append((rule, rows))


def refuse(values: pa.ChunkedArray, wanted: pa.DataType, rule: str, problems: Problems) -> pa.ChunkedArray:
    """All values of a type that cannot be converted at all."""
    import pyarrow as pa

    problems.add(rule, values.is_valid())
    return pa.chunked_array([pa.nulls(len(values), wanted)])
