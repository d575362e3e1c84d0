"""The one textual form of an entity's key, by which features are published and looked up, rows are routed and outcomes are joined.

==================  ==========================================================================
int64               ``42``
text                as it is: ``042`` and ``42`` are two keys
bool                ``true`` or ``false``
date                ``2024-01-31``
datetime            ISO 8601 in UTC: ``2024-01-31T12:00:00Z``; fractions of a second where there are
decimal             without trailing zeros: ``1.5``; a whole one as the integer
float               a whole one as the integer; a fraction is refused, since equal floats are an accident
==================  ==========================================================================

So 42, 42.0 and "42" name the same entity. Several columns make one JSON list of such texts, in which no separator can be mistaken.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

EXACT = 2**53
"""Beyond this a float may stand for several integers."""
VALID = "text, a whole number, true or false, or a date"


class KeyFormError(ValueError):
    """A value that cannot be a key; the message says what is valid and never holds the value, which may be personal."""


def key_text(values: Sequence[Any]) -> str | None:
    """A key, given as the values of the entity's columns, as one text; None where a part is missing.

    Raises:
        KeyFormError: for a value that cannot be a key.
    """
    parts = [part_text(value) for value in values]
    if any(part is None for part in parts):
        return None
    return parts[0] if len(parts) == 1 else json.dumps(parts, separators=(",", ":"), ensure_ascii=False)


def part_text(value: Any) -> str | None:
    """One column's value as text; None where it is missing (null or NaN).

    Raises:
        KeyFormError: for a float with a fraction or beyond 2^53, and for what is no plain value.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return None if math.isnan(value) else _float_text(value)
    if isinstance(value, Decimal):
        return None if value.is_nan() else _decimal_text(value)
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return moment.replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    raise KeyFormError(f"needs {VALID}")


def any_text(value: Any) -> str | None:
    """As :func:`part_text`; a value that cannot be the key of published features is as it is written."""
    try:
        return part_text(value)
    except KeyFormError:
        return str(value)


def earlier_texts(values: Sequence[Any]) -> list[str]:
    """The texts under which versions before this form may have published the key: ``42.0``, ``True``, ``2024-01-31 12:00:00+00:00``."""
    parts = [part_text(value) for value in values]
    if any(part is None for part in parts):
        return []
    found = {"\0".join(text): text for choice in (_as_float, _as_python) if (text := [choice(str(part)) for part in parts]) != parts}
    return [text[0] if len(text) == 1 else json.dumps(text, separators=(",", ":"), ensure_ascii=False) for text in found.values()]


def _float_text(value: float) -> str:
    if not value.is_integer():
        raise KeyFormError(f"is a number with a fraction; a key needs {VALID}")
    if abs(value) > EXACT:
        raise KeyFormError("is a float beyond 2^53, which is no exact number; write the key as an integer or as text")
    return str(int(value))


def _decimal_text(value: Decimal) -> str:
    if not value.is_finite():
        raise KeyFormError(f"is infinite; a key needs {VALID}")
    return str(int(value)) if value == value.to_integral_value() else format(value.normalize(), "f")


def _as_float(part: str) -> str:
    return f"{part}.0" if part.lstrip("-").isdecimal() else part


def _as_python(part: str) -> str:
    if part in ("true", "false"):
        return part.title()
    if part.endswith("Z") and len(part) > 10:
        return part[:10] + " " + part[11:-1] + "+00:00"
    return part
