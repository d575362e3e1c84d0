"""Where in a source's files a row or a value stands: ``data/a.csv:7``."""

from __future__ import annotations

import csv
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.paths import files_of, is_url

if TYPE_CHECKING:
    from mlops_assets.data.sources import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.sources import CsvFormat

LARGEST = 200 * 2**20
"""Files of more bytes than this in all are not looked through for a line."""

Record = tuple[str, int, Mapping[str, Any]]


def places(
    dataset: Dataset,
    context: SourceContext,
    wanted: Callable[[int, Mapping[str, Any]], bool],
    *,
    window: Window | None = None,
    limit: int = 3,
    column: str | None = None,
) -> list[str]:
    """File and line of the first rows that are ``wanted``, the file relative to the project; none where the source has no lines.

    Args:
        wanted: asked of each row: its number in the whole source (from 0), and its values by column, as text where the file is text.
        column: whose value stands beside the place.
    """
    try:
        rows = enumerate(records(dataset, context, window))
        found = itertools.islice((record for row, record in rows if wanted(row, record[2])), limit)
        return [f"{file}:{line}" + ("" if column is None else f" `{values.get(column)}`") for file, line, values in found]
    except (SourceError, OSError, UnicodeError, ValueError, csv.Error):
        return []


def records(dataset: Dataset, context: SourceContext, window: Window | None = None) -> Iterator[Record]:
    """Every row of a source of local text files, with its file and the line that it begins on; nothing for other sources."""
    detail = dataset.source.detail
    path = getattr(detail, "path", None)
    if dataset.source.kind not in ("csv", "json") or path is None or is_url(path):
        return
    files = files_of(path, dataset, window, context)
    if any(not _plain(file) for file in files) or sum(os.path.getsize(file) for file in files) > LARGEST:  # noqa: PTH202
        return
    for file in files:
        shown = os.path.relpath(file, context.project) if Path(file).is_relative_to(context.project) else file
        rows = _lines_of_json(file) if detail.delimited is None else _lines_of_csv(file, detail.delimited)
        yield from ((shown, line, values) for line, values in rows)


def _plain(file: str) -> bool:
    return not file.endswith((".gz", ".zst", ".bz2"))


def _lines_of_csv(file: str, form: CsvFormat) -> Iterator[tuple[int, dict[str, Any]]]:
    with Path(file).open(encoding="utf-8-sig" if form.encoding.lower() in ("utf-8", "utf8") else form.encoding, newline="") as stream:
        for _ in range(form.skip_lines):
            next(stream, None)
        options: dict[str, Any] = {"delimiter": form.separator}
        options |= {"quotechar": form.quote} if form.quote else {"quoting": csv.QUOTE_NONE}
        reader = csv.reader(stream, **options)
        before, names = 0, list(form.names) if form.names else None
        headed = not form.header
        for row in reader:
            line, before = before + 1 + form.skip_lines, reader.line_num
            if not row or (form.comment and row[0].startswith(form.comment)):
                continue
            cells = [cell.strip() for cell in row] if form.strip else row
            if not headed:
                names, headed = names or cells, True
                continue
            if names is None:
                names = [f"column_{number}" for number in range(1, len(cells) + 1)]
            yield line, dict(itertools.zip_longest(names, cells[: len(names)]))


def _lines_of_json(file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with Path(file).open(encoding="utf-8") as stream:
        for line, text in enumerate(stream, 1):
            if text.strip():
                row = json.loads(text)
                if not isinstance(row, dict):
                    return
                yield line, row
