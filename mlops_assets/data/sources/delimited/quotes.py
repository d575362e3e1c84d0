"""Finding where lines and rows end without looking at each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.spec.delimited import Dialect

if TYPE_CHECKING:
    import numpy as np

_LF, _CR = b"\n\r"


def length_of_whole_rows(data: bytes, dialect: Dialect, *, final: bool) -> int | None:
    """Bytes of whole rows at the beginning of ``data``, which begins with a row and has no comments.

    Without ``final`` more may follow. None: a quote is wrong, and the row that it is in must be looked for.
    """
    if dialect.quote is None or dialect.quote not in data:
        return len(data) if final else _after_last_line(data, 0, len(data))
    import numpy as np

    text = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(text == dialect.quote[0])
    if not _well_formed(text, places, dialect):
        structural = _structural(data, places, dialect)
        if structural is None:
            return None
        places = structural
    if final:
        return len(data) if len(places) % 2 == 0 else None
    return _last_end_outside(data, places)


def line_ends_fast(data: bytes) -> int:
    """How many lines end in ``data``, which does not end within a CRLF."""
    import numpy as np

    text = np.frombuffer(data, np.uint8)
    ends = int(np.count_nonzero(text == _LF))
    if b"\r" in data:
        returns = text == _CR
        ends += int(np.count_nonzero(returns)) - int(np.count_nonzero(returns[:-1] & (text[1:] == _LF)))
    return ends


def _well_formed(text: np.ndarray[Any, Any], places: np.ndarray[Any, Any], dialect: Dialect) -> bool:
    """Whether every first quote of two begins a field or doubles the one before it, and every second ends one or is doubled.

    By induction from the first quote, every first quote is then one outside of quoted text, and every second one inside.
    """
    import numpy as np

    beside = np.zeros(256, bool)
    beside[[*dialect.separator, *b"\r\n", *(dialect.quote or b"")]] = True
    opening, closing = places[0::2], places[1::2]
    begins = opening[1:] if opening[0] == 0 else opening
    ends = closing[:-1] if len(closing) and closing[-1] == len(text) - 1 else closing
    return bool(beside[text[begins - 1]].all() and beside[text[ends + 1]].all())


def _structural(data: bytes, places: np.ndarray[Any, Any], dialect: Dialect) -> np.ndarray[Any, Any] | None:
    """The quotes that open and close fields, in turn, where others stand in the middle of fields; None: one closes within a field."""
    import numpy as np

    text = np.frombuffer(data, np.uint8)
    separates = np.zeros(256, bool)
    separates[[*dialect.separator, *b"\r\n"]] = True
    opens = separates[text[places - 1]]
    opens[0] |= places[0] == 0
    openers = np.flatnonzero(opens).tolist()
    doubled = [*(np.diff(places) == 1).tolist(), False]
    at = places.tolist()
    found: list[int] = []
    after = 0
    for opener in openers:
        if opener < after:
            continue
        close = opener + 1
        while close < len(at) and doubled[close]:
            close += 2
        found.append(at[opener])
        if close >= len(at):
            break
        if not _ends_field(data, at[close] + 1, dialect):
            return None
        found.append(at[close])
        after = close + 1
    return np.array(found, np.int64)


def _ends_field(data: bytes, position: int, dialect: Dialect) -> bool:
    """Whether a field that was closed before ``position`` ends there, as far as is known."""
    following = data[position : position + 1]
    while dialect.strip and following in (b" ", b"\t") and following != dialect.separator:
        position += 1
        following = data[position : position + 1]
    return following in (dialect.separator, b"\r", b"\n", b"")


def _last_end_outside(data: bytes, places: np.ndarray[Any, Any]) -> int:
    """After the last line end that is outside of quotes, which ``places`` opens and closes in turn."""
    count = len(places)
    begin, end = 0, len(data)
    if count % 2:
        count -= 1
        end = int(places[count])
    while True:
        begin = int(places[count - 1]) + 1 if count else 0
        length = _after_last_line(data, begin, end)
        if length or not count:
            return length
        count -= 2
        end = int(places[count])


def _after_last_line(data: bytes, begin: int, end: int) -> int:
    """After the last line end in a part of ``data``; 0: there is none. A CR at the very end may be half of a CRLF."""
    if end == len(data) and data.endswith(b"\r"):
        end -= 1
    line_feed = data.rfind(b"\n", begin, end)
    return max(line_feed, data.rfind(b"\r", max(begin, line_feed + 1), end)) + 1
