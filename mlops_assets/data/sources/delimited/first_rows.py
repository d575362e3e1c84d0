"""Whether the first rows of a file are of the declared form: comments and separators that are not declared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from mlops_assets.data.sources.delimited.chunks import Chunk
from mlops_assets.data.sources.delimited.parsing import Parser
from mlops_assets.spec.delimited import Dialect, Misread, fields
from mlops_assets.spec.sources import CsvFormat

_LOOKED_AT = 50
_SEPARATORS = (b";", b",", b"\t", b"|")
_COMMENTS = (b"#", b"%", b"!", b";")
_SAYS_SEPARATOR = re.compile(rb'"?sep=(.)"?', re.IGNORECASE)


def look_at_first_rows(chunk: Chunk, parser: Parser, form: CsvFormat) -> None:
    """Compare the first row with those that follow.

    Raises:
        Misread: for a comment or a separator that is unmistakable and not declared.
    """
    head, dialect = parser.head, parser.dialect
    places = islice(parser.rows(chunk), 0 if form.header else 1, _LOOKED_AT)
    following = [chunk.data[row.start : row.end] for row in places]
    said = _SAYS_SEPARATOR.fullmatch(head.row)
    if said:
        raise Misread(
            "this line only says which separator the file has.",
            line=head.line,
            do=f"Declare skip_lines: {head.line} and separator: {_written(said.group(1))}.",
        )
    if not following:
        return
    if dialect.comment is None and _is_comment(head.row, following, dialect):
        mark = head.row[:1].decode()
        raise Misread(
            f"this line begins with {mark} and is not like the rows that follow, so it is a comment and no header.",
            line=head.line,
            do=f'Declare comment: "{mark}", or skip_lines.',
        )
    if form.names is None and len(fields(head.row, dialect)) == 1:
        _look_for_separator([head.row, *following], head.line, dialect)


def _is_comment(first: bytes, following: Sequence[bytes], dialect: Dialect) -> bool:
    mark = first[:1]
    if mark not in _COMMENTS or mark == dialect.separator:
        return False
    others = [row for row in following if not row.startswith(mark)]
    if not others:
        return False
    counts = {len(fields(row, dialect)) for row in others}
    return len(counts) == 1 and counts != {len(fields(first, dialect))}


def _look_for_separator(found: Sequence[bytes], line: int, dialect: Dialect) -> None:
    for separator in _SEPARATORS:
        if separator in (dialect.separator, dialect.quote, dialect.comment):
            continue
        counts = {len(fields(row, replace(dialect, separator=separator))) for row in found}
        if len(counts) == 1 and counts != {1}:
            raise Misread(
                f"the separator is declared as {_written(dialect.separator)}, which gives one column; "
                f"{_written(separator)} gives {counts.pop()} in each of the first {len(found)} rows.",
                line=line,
                do=f"Declare separator: {_written(separator)}; if there is one column, declare its name in names.",
            )


def _written(separator: bytes) -> str:
    return {b"\t": '"\\t"'}.get(separator, f'"{separator.decode(errors="ignore")}"')
