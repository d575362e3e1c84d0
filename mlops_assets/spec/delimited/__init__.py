"""Delimited text by one rule, for headers and bodies alike: what a file's characters, lines, rows and names are.

Lines end at LF, CR or CRLF, also mixed in one file; nothing else ends a line. Lines without anything in them and lines that begin with the
declared comment mark are no rows. A quote counts only where it begins a field: up to its closing quote, separators and line ends are text,
and a doubled quote is one quote. After the closing quote comes a separator or the row's end. Anywhere else a quote is a character like any
other.
"""

from mlops_assets.spec.delimited.decoding import Undecodable, Utf8Blocks
from mlops_assets.spec.delimited.dialect import Dialect, Misread
from mlops_assets.spec.delimited.head import LONGEST_ROW, Head, read_head
from mlops_assets.spec.delimited.rows import Row, fields, is_blank, line_ends, rows

__all__ = [
    "LONGEST_ROW",
    "Dialect",
    "Head",
    "Misread",
    "Row",
    "Undecodable",
    "Utf8Blocks",
    "fields",
    "is_blank",
    "line_ends",
    "read_head",
    "rows",
]
