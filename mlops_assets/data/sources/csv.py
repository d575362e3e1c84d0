"""Delimited text: read as text, stripped, and typed where every value fits."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.data.sources.paths import SourceFile, files_of, has_file_per_partition, open_file, open_whole
from mlops_assets.data.sources.pieces import Pieces, cut
from mlops_assets.data.sources.text import stripped

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.sources.context import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.sources import CsvFormat, CsvSource

_HEAD = 2**20


def read(source: CsvSource, dataset: Dataset, window: Window | None, context: SourceContext) -> Pieces:
    """Rows of one or more delimited text files. Empty fields are missing; so are the values of a column's `missing`."""
    for file in files_of(source.path, dataset, window, context):
        yield from read_file(file, source)


def read_file(file: SourceFile, form: CsvFormat) -> Pieces:
    for piece in cut(_read_file(file.path, form)):
        table = piece.table
        if form.strip:
            import pyarrow as pa

            table = pa.table({n: stripped(v) for n, v in zip(table.column_names, table.columns, strict=True)})
        yield replace(piece, table=table, text=True, origin=file.path, partition=file.partition)


def _read_file(path: str, form: CsvFormat) -> pa.Table:
    """All columns as text; an empty field is null."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    try:
        codecs.lookup(form.encoding)
    except LookupError:
        raise SourceError(f"{form.encoding!r} is no text encoding.", where=path, valid=("utf-8", "latin-1", "cp1252")) from None
    names = list(form.names) if form.names else _header(path, form)
    if names is None:
        return pa.table({})
    try:
        with open_whole(path) as stream:
            return arrow_csv.read_csv(
                stream,
                read_options=arrow_csv.ReadOptions(
                    column_names=names,
                    skip_rows=form.skip_lines + (1 if form.header else 0),
                    encoding=form.encoding,
                    block_size=2**22,
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=form.separator,
                    quote_char=form.quote if form.quote else False,
                    double_quote=form.quote is not None,
                    newlines_in_values=form.quote is not None,
                    ignore_empty_lines=True,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
            )
    except (pa.ArrowInvalid, UnicodeError) as error:
        raise SourceError(f"it cannot be read as CSV: {str(error).splitlines()[0]}", where=path, do=_hint(form, str(error))) from error
    except pa.ArrowKeyError as error:
        raise SourceError(f"it cannot be read as CSV: {error}", where=path) from error


def _header(path: str, form: CsvFormat) -> list[str] | None:
    """Column names of the first line (or numbered ones where there is no header); None for an empty file."""
    with open_file(path) as stream:
        head: Any = stream.read(_HEAD)
    text = bytes(head).decode(form.encoding, errors="replace")
    lines = io.StringIO(text.removeprefix("\ufeff"))
    for _ in range(form.skip_lines):
        lines.readline()
    options: dict[str, Any] = {"delimiter": form.separator}
    options |= {"quotechar": form.quote} if form.quote else {"quoting": csv.QUOTE_NONE}
    first = next((row for row in csv.reader(lines, **options) if row), None)
    if first is None:
        return None
    if not form.header:
        return [f"column_{number}" for number in range(1, len(first) + 1)]
    names = [name.strip() if form.strip else name for name in first]
    names = [name or f"column_{number}" for number, name in enumerate(names, 1)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SourceError(
            f"column {repeated[0]!r} stands in the header more than once.", where=path, do="Set header: false and give names."
        )
    return names


def _hint(form: CsvFormat, message: str) -> str:
    if "UTF" in message or "codec" in message or "utf" in message:
        return f"The encoding is declared as {form.encoding}; try latin-1 or cp1252."
    return f"The separator is declared as {form.separator!r}, the quote character as {form.quote!r}; check both."


SOURCE = SourceKind(
    read,
    rereadable=True,
    has_history=lambda source, _: has_file_per_partition(source.path),
    files=lambda source, *about: files_of(source.path, *about),
)
