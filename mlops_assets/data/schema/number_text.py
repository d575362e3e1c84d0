"""Numbers as they are written: what text is a number, and which one exactly."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from mlops_assets.data.schema.cells import Misfit

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.columns import Column

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?P<exponent>[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_ABSENT = re.compile(r"(?:[+-]?nan)?", re.IGNORECASE)
_DIGITS_OF_EXPONENT = 9
_MARKED = "\ufffd"
"""Stands before text whose marks are wrong, so that no rule of numbers reads it."""


def written_number(text: str) -> Decimal | None:
    """The number that a text says exactly, infinities included; None for a text that means missing: nothing at all, or ``NaN``.

    Raises:
        Misfit: when it is no number, with an empty rule.
    """
    if (found := NUMBER.fullmatch(text)) is not None:
        return _decimal(text, found["exponent"])
    if _INFINITE.fullmatch(text):
        return Decimal("-Infinity" if text[0] == "-" else "Infinity")
    if _ABSENT.fullmatch(text):
        return None
    raise Misfit("")


def _decimal(text: str, exponent: str | None) -> Decimal:
    """The decimal of a text; of an exponent beyond any use one that is as useless, since Python knows no larger ones."""
    if exponent is None or len(exponent) <= _DIGITS_OF_EXPONENT:
        return Decimal(text)
    digits = exponent[1:].lstrip("+-").lstrip("0")
    used = digits if len(digits) < _DIGITS_OF_EXPONENT else "9" * _DIGITS_OF_EXPONENT
    return Decimal(f"{text[: -len(exponent)]}e{'-' if '-' in exponent else ''}{used or 0}")


def with_plain_marks(values: pa.ChunkedArray, column: Column | None) -> pa.ChunkedArray:
    """Text with the declared decimal and thousands marks as text with a point and no groups; wrongly grouped text is no number then."""
    import pyarrow as pa
    import pyarrow.compute as pc

    mark, group = getattr(column, "decimal", "."), getattr(column, "thousands", None)
    if mark == "." and group is None:
        return values
    point = re.escape(mark)
    digits = f"(?:[0-9]+|[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{3}})+)" if group else "[0-9]+"
    number = rf"^[+-]?(?:{digits}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?$"
    word = r"^(?:[+-]?(?i:nan|inf|infinity))?$"
    fits = pc.match_substring_regex(values, f"{number}|{word}")
    plain = pc.replace_substring(values, group, "") if group else values
    plain = pc.replace_substring(plain, mark, ".") if mark != "." else plain
    plain = pc.if_else(pc.match_substring_regex(values, word), values, plain)
    result = pc.if_else(fits, plain, pc.binary_join_element_wise(_MARKED, values, ""))
    return result if isinstance(result, pa.ChunkedArray) else pa.chunked_array([result])


def has_letters(values: pa.ChunkedArray) -> bool:
    """Whether a byte of the text is neither digit, sign nor point: letters, ``_`` and all beyond ASCII have another bit."""
    import numpy as np

    for chunk in values.chunks:
        if len(chunk) == 0 or chunk.buffers()[2] is None:
            continue
        offsets = np.frombuffer(chunk.buffers()[1], np.int32)
        data = np.frombuffer(chunk.buffers()[2], np.uint8)[offsets[chunk.offset] : offsets[chunk.offset + len(chunk)]]
        words = data[: len(data) // 8 * 8].view(np.uint64)
        rest = data[len(words) * 8 :]
        if int(np.bitwise_or.reduce(words)) & 0xC0C0C0C0C0C0C0C0 or (rest & 0xC0).any():
            return True
    return False
