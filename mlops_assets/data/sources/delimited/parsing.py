"""From whole rows to columns of text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mlops_assets.data.sources.delimited.advice import ragged
from mlops_assets.data.sources.delimited.chunks import Chunk
from mlops_assets.spec.delimited import Dialect, Head, Misread, Row, Utf8Blocks, fields, is_blank, line_ends, rows

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions

_MARK = b"\xef\xbb\xbf"
_DAMAGE = bytes(8)
_ONE_BLOCK = 2**30
_SPACES = tuple(bytes([mark]) for mark in b" \t\x0b\x0c\x1c\x1d\x1e\x1f")


@dataclass(frozen=True)
class Parser:
    """Parses chunks of one file.

    Attributes:
        head: what the file begins with.
        dialect: its marks.
        blocks: where its text comes from, which knows the encoding.
        shown: whether errors may show the beginning of a row.
    """

    head: Head
    dialect: Dialect
    blocks: Utf8Blocks
    shown: bool

    def table(self, chunk: Chunk) -> pa.Table:
        """The rows of a chunk: every field as text, an empty one as null; with the white space around it only where that counts.

        Raises:
            Misread: for rows with another number of fields, and for what is no text.
        """
        import pyarrow as pa

        if _DAMAGE in chunk.data:
            line = chunk.line + line_ends(chunk.data[: chunk.data.index(_DAMAGE)])
            do = "The file is damaged or not yet written; utf-16 and utf-32 must be declared as encoding."
            raise Misread("there are NUL bytes instead of text.", line=line, do=do)
        try:
            table = self._columns(self._rows_only(chunk))
        except pa.ArrowInvalid as error:
            kept = self._looked_at(chunk)
            if len(kept) == len(chunk.data):
                last = chunk.line + line_ends(chunk.data)
                raise Misread(f"the rows of lines {chunk.line} to {last} cannot be read.", line=chunk.line) from error
            table = self._columns(kept)
        return table.rename_columns(list(self.head.names or ()))

    def rows(self, chunk: Chunk) -> Iterator[Row]:
        """Where the rows of its table are."""
        data, count = chunk.data, len(self.head.names or ())
        for row in rows(data, self.dialect, line=chunk.line):
            if not is_blank(data[row.start : row.end], self.dialect, count):
                yield row

    def _rows_only(self, chunk: Chunk) -> bytes:
        """Text without comments."""
        data, mark = chunk.data, self.dialect.comment
        if mark is None or not (data.startswith(mark) or b"\n" + mark in data or b"\r" + mark in data):
            return data
        return self._joined(chunk)

    def _joined(self, chunk: Chunk) -> bytes:
        return b"".join(chunk.data[row.start : row.end] + b"\n" for row in self.rows(chunk))

    def _looked_at(self, chunk: Chunk) -> bytes:
        """The rows alone, once every one of them is found to be sound."""
        wrong = self.blocks.invalid(chunk.data)
        if wrong is not None:
            raise wrong.at(chunk.line + line_ends(wrong.before))
        count = len(self.head.names or ())
        for row in self.rows(chunk):
            if len(fields(chunk.data[row.start : row.end], self.dialect)) != count:
                raise ragged(row, chunk, [*self.rows(chunk)], self.head, self.dialect, shown=self.shown)
        return self._joined(chunk)

    def _columns(self, data: bytes) -> pa.Table:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        if not data.strip(b"\r\n"):
            return pa.table({name: pa.array([], pa.string()) for name in self._numbers})
        quoted = self.dialect.quote is not None and self.dialect.quote in data
        if data.startswith(_MARK):
            data = b"\n" + data
        read, convert = self._options
        table = arrow_csv.read_csv(pa.py_buffer(data), read_options=read, parse_options=self._marks(quoted=quoted), convert_options=convert)
        if not self.dialect.strip or not _may_have_spaces(data, quoted=quoted):
            return table
        return pa.table([_stripped(column) for column in table.columns], names=self._numbers)

    @property
    def _numbers(self) -> list[str]:
        """Names for Arrow, which need not be careful with what is in them."""
        return [str(number) for number in range(len(self.head.names or ()))]

    @cached_property
    def _options(self) -> tuple[ReadOptions, ConvertOptions]:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        return arrow_csv.ReadOptions(column_names=self._numbers, block_size=_ONE_BLOCK, use_threads=False), arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(self._numbers, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        )

    def _marks(self, *, quoted: bool) -> ParseOptions:
        from pyarrow import csv as arrow_csv

        return arrow_csv.ParseOptions(
            delimiter=self.dialect.separator.decode(),
            quote_char=self.dialect.quote.decode() if self.dialect.quote and quoted else False,
            double_quote=quoted,
            newlines_in_values=quoted,
            ignore_empty_lines=True,
        )


def _may_have_spaces(data: bytes, *, quoted: bool) -> bool:
    """Whether any field may have white space in it."""
    return quoted or not data.isascii() or any(mark in data for mark in _SPACES)


def _stripped(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without white space around it; what is then empty is null. Most columns have none, which is quickly seen."""
    import pyarrow.compute as pc

    if not any(_may_be_spaced(chunk) for chunk in values.chunks):
        return values
    trimmed = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def _may_be_spaced(values: pa.Array) -> bool:
    """Whether any text begins or ends with a byte of white space, or one beyond ASCII."""
    import numpy as np

    _, places, text = values.buffers()
    if text is None or not len(values):
        return False
    offsets = np.frombuffer(places, np.int32)[values.offset : values.offset + len(values) + 1]
    data = np.frombuffer(text, np.uint8)
    present = offsets[1:] > offsets[:-1]
    first, last = data[offsets[:-1][present]], data[offsets[1:][present] - 1]
    return bool(((first <= 32) | (first >= 128)).any() or ((last <= 32) | (last >= 128)).any())
