"""Pieces of Markdown: text that stays text, tables, numbers with their interval."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NOT_DECLARED = "*not declared*"

_SPECIAL = re.compile(r"([\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_]))")
_LINE_START = re.compile(r"^(\s*)(?:([-+=#])|(\d+)([.)]))")


def text(value: Any) -> str:
    """A value of a record as text on one line, whatever characters it holds."""
    return _escaped(" ".join(str(value).split()))


def paragraphs(value: Any) -> str:
    """A longer text of a record; empty lines part its paragraphs."""
    parts = [_LINE_START.sub(_guarded, text(part)) for part in re.split(r"\n\s*\n", str(value)) if part.strip()]
    return "\n\n".join(parts)


def declared(value: Any) -> str:
    """A declared value, or that nobody declared it."""
    return NOT_DECLARED if value is None or value in ("", [], {}, ()) else text(value)


def status(value: Any) -> str:
    """A status as a mark of its own, which the HTML page colours."""
    return f"`{_plain(value)}`"


def digest(value: Any) -> str:
    """A digest, in full: a shortened one cannot be compared."""
    return f"`{_plain(value)}`" if value else "none"


def number(value: Any) -> str:
    """A number to four significant digits; whole numbers in full."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}".replace(",", " ")
    return f"{value:.4g}" if isinstance(value, float) else text(value)


def interval(value: Sequence[Any] | None) -> str:
    """``0.71 to 0.79``."""
    return "—" if value is None else f"{number(value[0])} to {number(value[1])}"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """A table of cells that are Markdown already; columns at positions ``right`` are aligned to the right."""
    lines = [f"| {' | '.join(headers)} |", f"|{'|'.join('---:' if i in right else '---' for i in range(len(headers)))}|"]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join(lines)


def facts(rows: Mapping[str, str]) -> str:
    """Two columns: what, and what it is."""
    return table(["", ""], [[f"**{name}**", value] for name, value in rows.items()])


def _escaped(value: str) -> str:
    return _SPECIAL.sub(r"\\\1", value.replace("&", "&amp;")).replace("<", "&lt;").replace(">", "&gt;")


def _guarded(start: re.Match[str]) -> str:
    indent, mark, count, dot = start.groups()
    return f"{indent}\\{mark}" if mark else f"{indent}{count}\\{dot}"


def _plain(value: Any) -> str:
    return str(value).replace("`", "").replace("|", "").replace("\n", " ")
