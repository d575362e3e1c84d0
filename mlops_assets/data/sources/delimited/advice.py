"""What is wrong with a row that has another number of fields than there are columns."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_assets.data.sources.delimited.chunks import Chunk
from mlops_assets.spec.delimited import Dialect, Head, Misread, Row, fields

_LOOKED_AT = 1000
_SHOWN = 40


def ragged(row: Row, chunk: Chunk, all_rows: Sequence[Row], head: Head, dialect: Dialect, *, shown: bool) -> Misread:
    """The error of the first such ``row`` of a chunk. ``shown``: whether it may show how the row begins."""
    expected = len(head.names or ())
    text = chunk.data[row.start : row.end]
    found = len(fields(text, dialect))
    counts = [len(fields(chunk.data[one.start : one.end], dialect)) for one in all_rows]
    others = sum(count != expected for count in counts) - 1
    more = f" (so {'has' if others == 1 else 'have'} {others} other up to line {all_rows[-1].line})" if others else ""
    of = "columns are declared" if head.declared else f"are in the first row, line {head.line}"
    beginning = f" It begins with {text[:_SHOWN].decode(errors='ignore')!r}." if shown else ""
    said = f"this row has {_fields(found)}{more}, but {expected} {of}.{beginning}"
    first_of_file = chunk.number == 0 and bool(all_rows) and row == all_rows[0]
    return Misread(said, line=row.line, do=_do(text, chunk, row, counts[:_LOOKED_AT], head, dialect, first_of_file=first_of_file))


def _do(text: bytes, chunk: Chunk, row: Row, counts: list[int], head: Head, dialect: Dialect, *, first_of_file: bool) -> str:
    expected, found = len(head.names or ()), len(fields(text, dialect))
    if dialect.comment is None and text[:1] in (b"#", b"%", b"!"):
        return f'If this line is a comment, declare comment: "{text[:1].decode()}".'
    if first_of_file and set(counts) == {found}:
        if found == expected + 1 and text.endswith(dialect.separator):
            return (
                f"Every row ends with a separator: declare names, with one more for the empty column at the end ({_fields(found)} in all); "
                "the header line is then passed over."
            )
        if head.declared:
            return f"Every row has {_fields(found)}: declare as many names."
        if len(counts) > 1 and head.written:
            return f"Every row from here on has {_fields(found)}: if this line is the header, declare skip_lines: {row.line - 1}."
    if dialect.quote and b" " + dialect.quote in text:
        return "A quote counts only directly after the separator: remove the space before it."
    if b"\r" in chunk.data[row.end : row.next] and b"\n" not in chunk.data[row.end : row.next] and b"\n" in chunk.data:
        return "A CR ends a line as an LF does: where it is part of a field, quote the field."
    if found > expected:
        return "A field with a separator in it must be quoted; or check the separator."
    return "A field with a line break in it must be quoted, and a row must not be cut off; or check the separator."


def _fields(count: int) -> str:
    return f"{count} field" + ("s" if count != 1 else "")
