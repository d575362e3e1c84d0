"""Text without the white space around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def stripped(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without white space around it; what is then empty is missing."""
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)
