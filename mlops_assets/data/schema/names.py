"""Names of columns that SQL could take for one another."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from mlops_assets.data.schema.errors import SchemaError


def require_distinct(names: Iterable[str], where: str) -> None:
    """Refuse columns that differ only by case, by Unicode normal form or by the space around their names.

    Raises:
        SchemaError: naming both.
    """
    seen: dict[str, str] = {}
    for name in names:
        alike = folded(name)
        if (first := seen.get(alike)) is not None:
            raise SchemaError(
                f"columns {first!r} and {name!r} differ only by {_difference(first, name)}, so that SQL reads one for the other.",
                where=where,
                do="Rename one of them where the source is written, or in its query.",
            )
        seen[alike] = name


def folded(name: str) -> str:
    """What is alike of names that could be taken for one another."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFC", name).strip().casefold())


def _difference(one: str, other: str) -> str:
    if one == other:
        return "nothing"
    if one.strip() == other.strip():
        return "the space around them"
    return "case" if one.casefold() == other.casefold() else "their Unicode form"
